// ClientCore: the part of a TcpClient that lives on its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include "ConnectionSet.h"
#include "tern/net/Callbacks.h"
#include "tern/net/Connector.h"

namespace tern {

class EventLoop;

/// What a client wants from its connector.
struct ClientSettings {
  ConnectionCallbacks callbacks;
  Connector::ErrorCallback connectError;
  std::optional<RetryPolicy> retry;
  std::optional<SocketAddress> local;
  Duration connectTimeout = std::chrono::seconds(10);
};

/// All but connection() belongs to the loop's thread. Held by the client and by the functors on
/// their way to it.
class ClientCore : public std::enable_shared_from_this<ClientCore> {
 public:
  ClientCore(EventLoop& loop, const SocketAddress& server);
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;
  ~ClientCore();

  /// Wants a connection. The settings count the first time. Changes nothing when it throws
  /// std::bad_alloc.
  void connect(const std::shared_ptr<const ClientSettings>& settings);
  /// Wants none; the one there is ends in order.
  void disconnect();
  /// Wants no further one.
  void stop();
  /// Ends at once; every callback has run when it returns.
  void end();

  /// The one that is up, or nullptr. Any thread.
  [[nodiscard]] TcpConnectionPtr connection() const;

 private:
  void adopt(const ClientSettings& settings);
  void connected(UniqueFd fd);
  void lost();

  EventLoop& loop_;
  Connector connector_;
  std::shared_ptr<const ConnectionCallbacks> callbacks_;  // from the first connect() on
  RetryPolicy retry_;
  ConnectionSet connections_;  // one; more while old ones drain
  std::uint64_t nextId_ = 1;
  bool wanted_ = false;
  bool ended_ = false;
  Timestamp upSince_;

  mutable std::mutex mutex_;
  TcpConnectionPtr connection_;  // guarded by mutex_
};

}  // namespace tern
