// Callbacks: what a user of TCP connections provides. Names and shapes are muduo's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "tern/base/Clock.h"

namespace tern {

class Buffer;
class TcpConnection;

using TcpConnectionPtr = std::shared_ptr<TcpConnection>;

/// Called when a connection comes up and, exactly once for each of those, when it is down:
/// connected() tells which.
using ConnectionCallback = std::function<void(const TcpConnectionPtr&)>;
/// Bytes arrived; those left in the buffer are there again, with more behind them, next time.
using MessageCallback =
    std::function<void(const TcpConnectionPtr&, Buffer*, Timestamp receiveTime)>;
/// All that was sent has left for the kernel.
using WriteCompleteCallback = std::function<void(const TcpConnectionPtr&)>;
/// The peer finished sending (half-close); we may still send.
using HalfCloseCallback = std::function<void(const TcpConnectionPtr&)>;
/// The bytes waiting to be sent rose above, or fell back to, a mark.
using HighWaterMarkCallback = std::function<void(const TcpConnectionPtr&, std::size_t bytes)>;
using LowWaterMarkCallback = std::function<void(const TcpConnectionPtr&, std::size_t bytes)>;

/// The server has been told to stop: answer what has been asked, and call shutdown().
using DrainCallback = std::function<void(const TcpConnectionPtr&)>;

/// What the connections of a server or a client have in common. Each is called on the connection's
/// loop. All may be empty.
struct ConnectionCallbacks {
  std::string name;  ///< of the server or client; prefixes the connections' names
  ConnectionCallback connection;
  MessageCallback message;  ///< empty: what arrives is discarded
  WriteCompleteCallback writeComplete;
  /// Empty: at the peer's half-close the connection sends what it has and closes. Set: it stays up
  /// for sending until shutdown().
  HalfCloseCallback halfClose;
  HighWaterMarkCallback highWaterMark;
  LowWaterMarkCallback lowWaterMark;
  /// Empty: shutdown() at once. Not called after a shutdown(), nor for a client's connection.
  DrainCallback drain;
  std::size_t highMark = std::size_t{64} * 1024 * 1024;
  std::size_t lowMark = std::size_t{16} * 1024 * 1024;
  /// A connection with more than this waiting to be sent is closed with
  /// std::errc::no_buffer_space. What other threads send counts from when the loop takes it over.
  std::size_t outputLimit = std::size_t{256} * 1024 * 1024;
  /// See TcpConnection::setIdleTimeout().
  Duration idleTimeout = kForever;

  /// Below it nothing happens.
  [[nodiscard]] std::size_t firstMark() const noexcept { return std::min(highMark, outputLimit); }
};

}  // namespace tern
