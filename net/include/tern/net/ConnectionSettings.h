// ConnectionSettings: the callbacks and bounds that servers and clients give to their connections.
#pragma once

#include <cstddef>
#include <utility>

#include "tern/net/Callbacks.h"

namespace tern {

/// Base of TcpServer and TcpClient, which are the Owner; Callbacks.h says what each callback is
/// told. Set on the owner's thread before start() or connect(); later it aborts with a sentence.
template <class Owner>
class ConnectionSettings {
 public:
  void setConnectionCallback(ConnectionCallback callback) {
    edit().connection = std::move(callback);
  }
  void setMessageCallback(MessageCallback callback) { edit().message = std::move(callback); }
  void setWriteCompleteCallback(WriteCompleteCallback callback) {
    edit().writeComplete = std::move(callback);
  }
  void setHalfCloseCallback(HalfCloseCallback callback) { edit().halfClose = std::move(callback); }
  void setHighWaterMarkCallback(HighWaterMarkCallback callback, std::size_t mark) {
    ConnectionCallbacks& callbacks = edit();
    callbacks.highWaterMark = std::move(callback);
    callbacks.highMark = mark;
  }
  void setLowWaterMarkCallback(LowWaterMarkCallback callback, std::size_t mark) {
    ConnectionCallbacks& callbacks = edit();
    callbacks.lowWaterMark = std::move(callback);
    callbacks.lowMark = mark;
  }
  /// See ConnectionCallbacks::outputLimit.
  void setOutputLimit(std::size_t bytes) { edit().outputLimit = bytes; }
  /// See TcpConnection::setIdleTimeout(). By default connections may be idle for ever.
  void setIdleTimeout(Delay timeout) { edit().idleTimeout = timeout.value(); }

 private:
  friend Owner;
  ConnectionSettings() = default;
  ~ConnectionSettings() = default;

  ConnectionCallbacks& edit() { return static_cast<Owner*>(this)->editCallbacks(); }
};

}  // namespace tern
