// UringStream: a connected socket on which the kernel itself receives and sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "UringPoller.h"
#include "UringSource.h"
#include "tern/base/Buffer.h"
#include "tern/base/OutputQueue.h"
#include "tern/base/SlotTable.h"
#include "tern/base/UniqueFd.h"
#include "tern/poller/Stream.h"

namespace tern {

/// What the user holds, and what the kernel may still touch: the fd, the bytes being sent, and the
/// requests' states. It lives on until the kernel is done with it.
class UringStream final : public Stream, public UringSource {
 public:
  UringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler)
      : fd_(std::move(fd)), poller_(poller), handler_(&handler) {}

  void startReading() override;
  void stopReading() override;
  std::size_t send(OutputQueue& queue) override;
  std::size_t sendNow(std::span<const char> bytes) override;
  void shutdownWrite() override;
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

  [[gnu::cold]] void onCompletion(UringKind kind, UringCompletion completion) override;
  /// The poller calls this for a kReceive that goes on.
  void onReceiving(UringCompletion completion) {
    // Nearly always: bytes, for a reader, that do not fill a buffer.
    const bool usual = completion.result > 0 && delivers_ && streak_ == 0 &&
                       completion.result < poller_.bufferSize();
    if (usual) [[likely]] {
      ++poller_.counters().receives;
      hadSome_ = true;
      handler_->onData(poller_.taken(completion));
    } else {
      onCompletion(UringKind::kReceive, completion);
    }
  }
  /// The kernel has carried out the kSendNow: all has left.
  void onSentNow() {
    sendsNow_ = sendInFlight_ = false;
    const std::size_t sent = sending_.knownFront().size();
    sending_.clearOnly();
    if (handler_ == nullptr || failed_) return;
    if (shutdownWanted_) {
      allSent(sent);
    } else {
      handler_->onSent(sent);
    }
  }
  void deliverKept() override;
  void onBuffersBack() override;
  void abandon() override;

 private:
  void close() noexcept override { poller_.abandon(*this); }

  void armReceive();
  void armWatch();
  void onReceived(UringCompletion completion);
  void countReceive(int n);
  void receiveMuch();
  void ended();
  void onWatched(UringCompletion completion);
  void armNext();
  [[gnu::cold]] void noteSize(int n);
  void deferDelivery();
  void onSendDone(int result);
  [[gnu::cold]] void sendStuck(int result);
  void allSent(std::size_t last);
  [[gnu::noinline]] std::size_t sendOther(OutputQueue& queue);
  void submitSend();
  void submitGathered(UringMessages::Message& message);
  bool goesOn(void (UringStream::*submit)());
  void sendLater();
  void keep(std::span<const char> bytes);
  void fail(int errnum);
  /// Whether bytes that arrive now go straight to the handler.
  void updateDelivers() noexcept {
    delivers_ = handler_ != nullptr && reading_ && !failed_ && kept_ == nullptr;
  }
  /// Receiving goes on: the user wants it, and nothing has ended it.
  [[nodiscard]] bool wantsMore() const noexcept {
    return handler_ != nullptr && reading_ && !eof_ && !failed_;
  }

  // The order, and the widths of the flags, make for few bytes, as in TcpConnection.
  bool delivers_ : 1 = false;
  std::uint8_t streak_ : 4 = 0;  // see noteSize()
  bool bulky_ : 1 = false;       // shall wait until it is readable, to receive much at once
  bool armedBulky_ : 1 = false;  // does
  bool reading_ : 1 = false;
  bool receiveArmed_ : 1 = false;
  bool receiveCancelled_ : 1 = false;
  bool starving_ : 1 = false;
  bool hadSome_ : 1 = false;  // since the receive was armed
  bool watchArmed_ : 1 = false;
  bool deliveryDeferred_ : 1 = false;
  bool eof_ : 1 = false;      // the peer's FIN was received
  bool eofTold_ : 1 = false;  // and handed on
  bool sendInFlight_ : 1 = false;
  bool sendsNow_ : 1 = false;  // that is a kSendNow, and has not failed
  bool shutdownWanted_ : 1 = false;
  bool failed_ : 1 = false;
  UniqueFd fd_;
  UringPoller& poller_;
  StreamHandler* handler_;        // null once the user's StreamPtr is gone
  OutputQueue sending_;           // owned by the kernel until the send completes
  std::unique_ptr<Buffer> kept_;  // arrived while reading was stopped
};

/// Throws std::system_error, and closes fd, when it can't be put into blocking mode, which io_uring
/// needs to wait on its behalf.
StreamPtr openUringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler);

}  // namespace tern
