// UdpSocket: datagrams on a loop, received and sent in batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/base/UniqueFd.h"
#include "tern/net/SocketAddress.h"
#include "tern/poller/Channel.h"

namespace tern {

class EventLoop;
class UdpBatch;
class UdpQueue;
class UdpSocket;

/// One that arrived.
struct UdpDatagram {
  std::string_view bytes;  ///< lent for the duration of the callback; may be empty
  SocketAddress peer;      ///< who sent it; to an IPv6 socket IPv4 peers are "::ffff:192.0.2.1"
  Timestamp receiveTime;   ///< when the loop learned of it
  bool truncated;          ///< it was longer than UdpOptions::receiveSize; the rest is lost
};

/// Trouble with the network. The socket stays usable.
struct UdpError {
  std::error_code code;
  /// Whom the datagram was for that this error kept from leaving; empty when none was lost now, as
  /// when the peer's machine refuses what was sent before.
  std::optional<SocketAddress> droppedFor;
};

/// Counts since the socket was made.
struct UdpStats {
  std::uint64_t received = 0;   ///< handed to the callback, or discarded if there is none
  std::uint64_t truncated = 0;  ///< of those
  std::uint64_t sent = 0;       ///< taken by the kernel
  std::uint64_t dropped = 0;    ///< given to send(), or arrived, and lost here
};

struct UdpOptions {
  /// Longer datagrams are truncated. From 1 to 65,535, and then none is. While a batch is received
  /// its thread holds 32 times this, of which only pages that bytes arrive in are memory.
  std::size_t receiveSize = 65'535;
  /// SO_RCVBUF and SO_SNDBUF in bytes, up to the system's limit (net.core.rmem_max); 0: the
  /// system's default. What arrives while the receive buffer is full is lost: see missed().
  int receiveBuffer = 0;
  int sendBuffer = 0;
  /// Datagrams that the kernel does not take wait, up to these bytes (each counts 64 more than it
  /// has). At least one always may.
  std::size_t queueLimit = std::size_t{1024} * 1024;
  /// Several sockets of one user, in this process or others, share the address, and the kernel
  /// deals by peer: one for each loop.
  bool reusePort = false;
};

/// Names the one peer that a socket talks to.
struct UdpPeer {
  SocketAddress address;
};

/// Works on every poller. Belongs to the loop's thread, as do all its methods; use
/// EventLoop::runInLoop() from others. The loop must outlive it. It may be destroyed in its own
/// callbacks: none comes afterwards. A callback that throws loses its own datagram or error only.
///
/// A socket at rest holds no buffer.
class UdpSocket final : private ChannelHandler {
 public:
  /// One call for each datagram, in the order of arrival.
  using DatagramCallback = std::function<void(UdpSocket&, const UdpDatagram&)>;
  /// Called at the end of a turn, never inside send(). Up to 64 errors a turn are reported.
  using ErrorCallback = std::function<void(UdpSocket&, const UdpError&)>;

  /// Bound to the address (port 0: the kernel chooses), for any number of peers. On [::] IPv4 peers
  /// are served too. Throws std::system_error naming the address, and std::invalid_argument for a
  /// receiveSize out of range.
  UdpSocket(EventLoop& loop, const SocketAddress& address, const UdpOptions& options = {});
  /// Connected: only the peer's datagrams arrive, and its machine's refusal (ECONNREFUSED) reaches
  /// the error callback. Throws likewise.
  UdpSocket(EventLoop& loop, const UdpPeer& peer, const UdpOptions& options = {});
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  /// What was sent in this turn still leaves, as far as the kernel takes it without waiting.
  ~UdpSocket();

  /// Empty: what arrives is discarded.
  void setDatagramCallback(DatagramCallback callback);
  /// Empty: errors are logged at debug level.
  void setErrorCallback(ErrorCallback callback);

  /// Queues a datagram, copied, which may be empty. What is queued leaves in one kernel send: after
  /// each batch of datagrams received, at the end of the turn, or when the queue is full. On error
  /// it is dropped, and the code says why: message_size (no datagram can be so long),
  /// no_buffer_space (the kernel takes none and the queue is full), destination_address_required
  /// (no peer, and the socket is not connected), address_family_not_supported (a Unix-domain peer).
  /// What fails later reaches the error callback.
  std::error_code send(std::string_view bytes, const SocketAddress& peer);
  /// To the peer that the socket is connected to.
  std::error_code send(std::string_view bytes);

  /// Stops and resumes the datagram callback; reading is on at first. After stopRead() none comes,
  /// not even for the rest of a batch, which is kept. Datagrams wait in the receive buffer.
  void stopRead();
  void startRead();
  [[nodiscard]] bool isReading() const noexcept { return reading_; }

  /// Where it is bound.
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  /// Of a connected socket.
  [[nodiscard]] const std::optional<SocketAddress>& peer() const noexcept { return peer_; }
  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }
  /// For socket options such as multicast membership. Not to be closed or shut down.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  [[nodiscard]] const UdpStats& stats() const noexcept { return stats_; }
  /// How many datagrams the kernel dropped since the receive buffer was full. Asks the kernel.
  [[nodiscard]] std::uint32_t missed() const noexcept;
  /// Datagrams that wait to be sent.
  [[nodiscard]] std::size_t queued() const noexcept;

 private:
  struct Callbacks {
    DatagramCallback datagram;
    ErrorCallback error;
  };

  UdpSocket(EventLoop& loop, UniqueFd fd, const UdpOptions& options);

  void onEvents(EventMask events) override;
  void updateInterest();
  void receive();
  bool receiveBatch();
  bool deliver(std::unique_ptr<UdpBatch> batch);
  void keep(std::unique_ptr<UdpBatch> rest);
  void discard();
  std::error_code enqueue(std::string_view bytes, const SocketAddress* peer);
  void transmit();
  void dropFront(std::error_code error, std::size_t count);
  void awaitRoom();
  void note(const UdpError& error);
  void takeError();
  void scheduleTurnEnd();
  void turnEnd();
  void report();

  EventLoop& loop_;
  UniqueFd fd_;
  Channel channel_;
  // Points here while the socket lives: for callbacks and the end of a turn, which may come later.
  const std::shared_ptr<UdpSocket*> self_;
  std::shared_ptr<const Callbacks> callbacks_;  // replaced, not changed: one may be running
  std::unique_ptr<UdpBatch> rest_;  // of a batch whose callback threw, or stopped reading
  std::unique_ptr<UdpQueue> queue_;
  std::vector<UdpError> errors_;  // to be reported
  const std::size_t receiveSize_;
  const std::size_t queueLimit_;
  UdpStats stats_;
  SocketAddress address_;
  std::optional<SocketAddress> peer_;
  bool reading_ = true;
  bool awaitingRoom_ = false;
  bool turnEndScheduled_ = false;
};

}  // namespace tern
