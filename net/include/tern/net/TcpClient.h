// TcpClient: a connection to a server, made again when it is lost if that is wanted.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "tern/base/Clock.h"
#include "tern/net/Callbacks.h"
#include "tern/net/ConnectionSettings.h"
#include "tern/net/RetryPolicy.h"
#include "tern/net/SocketAddress.h"

namespace tern {

class ClientCore;
class EventLoop;
struct ClientSettings;

/// One connection at a time, over TCP or a Unix-domain socket; it lives and dies on the loop.
/// Settings are made before the first connect(), on one thread. All callbacks run on the loop's
/// thread.
class TcpClient : public ConnectionSettings<TcpClient> {
 public:
  /// Called for each attempt to connect that failed: why, and how long it will be until the next;
  /// nothing: there will be none.
  using ConnectErrorCallback =
      std::function<void(std::error_code error, std::optional<Duration> retryIn)>;

  /// Any thread. The loop must outlive the client.
  TcpClient(EventLoop* loop, const SocketAddress& server, std::string name);
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;
  /// Gives up what is under way, and closes the connection at once: when it returns, its last
  /// callback has run, and none comes after. Any thread, also in a callback. On a thread other than
  /// the loop's it waits for the loop, which must be running then, and for a callback that runs,
  /// which therefore must not wait for this thread.
  ~TcpClient();

  void setConnectErrorCallback(ConnectErrorCallback callback);
  /// How long one attempt may take; by default 10 seconds.
  void setConnectTimeout(Delay timeout);
  /// Failed attempts, and connections that were lost, are followed by another attempt. By default
  /// they are not. Delays begin anew after a connection that lasted longer than the first of them.
  void setRetry(const RetryPolicy& policy);
  /// muduo's name for setRetry() with the default policy.
  void enableRetry() { setRetry(RetryPolicy{}); }
  /// Where the connection comes from; with port 0 the kernel chooses.
  void setLocalAddress(const SocketAddress& address);

  /// Wants a connection: begins to connect, unless it is connected or about to be. Any thread.
  /// Throws std::bad_alloc and changes nothing when there is no memory for that; when that shows
  /// only on the loop's thread, it is told to the ConnectErrorCallback. From then on a shortage is
  /// a failed attempt.
  void connect();
  /// Wants none: gives up what is under way; a connection sends what it has, and ends. Any thread.
  void disconnect();
  /// Gives up what is under way, and lost connections are not made again; one that is up stays. Any
  /// thread.
  void stop();

  /// The one that is up, or ends in order; else nullptr. Any thread.
  [[nodiscard]] TcpConnectionPtr connection() const;
  /// Any thread, as getLoop().
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] EventLoop* getLoop() const noexcept { return &loop_; }

 private:
  friend class ConnectionSettings<TcpClient>;
  ConnectionCallbacks& editCallbacks();
  ClientSettings& settings();

  EventLoop& loop_;
  std::shared_ptr<ClientSettings> settings_;
  std::atomic<bool> frozen_{false};  // settings_ is in use
  std::shared_ptr<ClientCore> core_;
};

}  // namespace tern
