// ServerStats: what a TcpServer has done since it was made, and what it holds now.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tern {

/// A copy. The counts of one loop, and those of several loops still more so, are read one after
/// the other while they grow: a connection may be in one and not yet in another.
struct ServerStats {
  /// Connections that were accepted and closed again, without a callback, by reason.
  struct Refused {
    std::uint64_t limit = 0;      ///< TcpServer::setMaxConnections()
    std::uint64_t peerLimit = 0;  ///< TcpServer::setMaxConnectionsPerPeer()
    std::uint64_t failed = 0;     ///< the poller could not take the socket, or no memory
    std::uint64_t shed = 0;       ///< no descriptor was left for them

    [[nodiscard]] std::uint64_t total() const noexcept { return limit + peerLimit + failed + shed; }
  };

  /// Connections that came up and are down, by what made an end of them first. Counted before the
  /// connection callback tells.
  struct Closed {
    std::uint64_t byPeer = 0;       ///< in order, and the peer was the first to finish sending
    std::uint64_t byServer = 0;     ///< in order, and shutdown() was the first; stop() does so, too
    std::uint64_t error = 0;        ///< a reset, or another error
    std::uint64_t timeout = 0;      ///< an idle time-out, or a deadline
    std::uint64_t outputLimit = 0;  ///< setOutputLimit()
    std::uint64_t bufferLimit = 0;  ///< TcpServer::setBufferLimit()
    std::uint64_t noMemory = 0;     ///< no memory for its bytes
    std::uint64_t forced = 0;       ///< forceClose(), the deadline of stop(), the server's end

    [[nodiscard]] std::uint64_t total() const noexcept {
      return byPeer + byServer + error + timeout + outputLimit + bufferLimit + noMemory + forced;
    }
  };

  std::uint64_t accepted = 0;  ///< connections that came up
  Refused refused;
  std::uint64_t acceptErrors = 0;  ///< how often accepting failed, for want of descriptors included
  Closed closed;
  std::uint64_t bytesReceived = 0;
  std::uint64_t bytesSent = 0;  ///< handed to the kernel, those of files included
  /// Now: bytes sent that the kernel has not taken, or, on io_uring, has not reported as sent, and
  /// bytes received that a message callback has left unread. A connection's are looked at when its
  /// callback has returned, and when it is flushed: what it sends from elsewhere counts at the end
  /// of the turn, and what is read of its input elsewhere at its next callback. A shared string
  /// counts for each connection that waits to send it; files don't count.
  std::size_t bytesBuffered = 0;
};

}  // namespace tern
