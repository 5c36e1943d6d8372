// ReadinessStream: the default Stream, built on Channel; it works on every poller.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "tern/poller/Poller.h"
#include "tern/poller/Stream.h"

namespace tern {

/// Receives into the poller's shared block and sends synchronously as far as the socket takes it.
class ReadinessStream final : public Stream, private ChannelHandler {
 public:
  ReadinessStream(Poller& poller, UniqueFd fd, StreamHandler& handler);

  void startReading() override;
  void stopReading() override;
  std::size_t send(OutputQueue& queue) override;
  std::size_t sendNow(std::span<const char> bytes) override;
  std::optional<std::size_t> sendFile(int file, std::uint64_t offset,
                                      std::uint64_t length) override;
  void shutdownWrite() override;
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

 private:
  void onEvents(EventMask events) override;
  void onOtherEvents(EventMask events);
  void receive();
  std::size_t receiveInto(std::span<char> block);
  void receivedNothing(ssize_t n, int errnum);
  void sendGathered(OutputQueue& queue);
  void sentPart(OutputQueue& queue, ssize_t n);
  [[gnu::cold]] void becomeBulky();
  void awaitRoom();
  void troubled(EventMask events);
  void fail(int errnum);
  void failLater(int errnum);
  void updateInterest();
  bool interestUpdated();

  UniqueFd fd_;
  bool receives_ : 1 = false;  // reading_, and nothing that ends it
  bool sends_ : 1 = true;      // no send waits for room, and nothing went wrong
  bool bulky_ : 1 = false;     // see receive()
  bool reading_ : 1 = false;
  bool eof_ : 1 = false;
  bool awaitingRoom_ : 1 = false;
  bool hungUp_ : 1 = false;  // both directions are down and nothing more can happen until a read
  bool failed_ : 1 = false;
  bool nonBlocking_ : 1 = false;  // was made so, for sendFile()
  std::uint16_t error_ = 0;       // an errno met inside send(), to be reported from poll()
  Channel channel_;               // after fd_: it stops watching before the fd closes
  StreamHandler& handler_;
};

}  // namespace tern
