// Connector: makes connections to one address, and survives every error on the way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <system_error>

#include "tern/base/Clock.h"
#include "tern/base/UniqueFd.h"
#include "tern/net/RetryPolicy.h"
#include "tern/net/SocketAddress.h"
#include "tern/net/TimerId.h"
#include "tern/poller/Channel.h"

namespace tern {

class Backoff;
class EventLoop;

/// Tries until it succeeds or, without a RetryPolicy, once. A socket that came to be connected to
/// itself (on loopback, where nobody listens, a port can find itself) counts as refused. Belongs to
/// the loop's thread. Callbacks come from the loop, never inside a call, and not after stop() or
/// the destructor; they may destroy the connector.
class Connector final : private ChannelHandler {
 public:
  /// Receives the connected socket: non-blocking, close-on-exec, TCP_NODELAY.
  using NewConnectionCallback = std::function<void(UniqueFd)>;
  /// Why an attempt failed, and how long it will be until the next; nothing: there will be none.
  using ErrorCallback = std::function<void(std::error_code, std::optional<Duration> retryIn)>;

  Connector(EventLoop& loop, const SocketAddress& server);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector();

  void setNewConnectionCallback(NewConnectionCallback callback) {
    connected_ = std::make_shared<const NewConnectionCallback>(std::move(callback));
  }
  void setErrorCallback(ErrorCallback callback) {
    error_ = std::make_shared<const ErrorCallback>(std::move(callback));
  }
  /// How long an attempt may take before it fails with std::errc::timed_out; by default 10 seconds.
  /// kForever: as long as the kernel tries, about two minutes.
  void setTimeout(Delay timeout) { timeout_ = timeout.value(); }
  /// Where connections come from; port 0: any.
  void setLocalAddress(const SocketAddress& address) { local_ = address; }
  /// How failed attempts are followed by others; nothing, the default: they are not.
  void setRetry(std::optional<RetryPolicy> policy);

  /// The first attempt begins now. While one is under way, or waited for, nothing happens. Changes
  /// nothing when it throws std::bad_alloc; all later shortages are failed attempts.
  void start();
  /// As after a failed attempt: the next one begins after a delay. Needs a RetryPolicy. After
  /// start() or prepare(), without a stop() since, it takes no memory.
  void startLater();
  /// Does nothing but to take the memory that startLater() needs.
  void prepare();
  /// Gives up. start() may follow.
  void stop();
  /// The delays begin anew.
  void resetDelays();

  /// What was connected could not be used: counts as a failed attempt.
  void fail(std::error_code error);

  [[nodiscard]] const SocketAddress& server() const noexcept { return server_; }
  /// An attempt is under way or waited for.
  [[nodiscard]] bool active() const noexcept { return active_; }

 private:
  void onEvents(EventMask events) override;
  void attempt();
  [[nodiscard]] std::error_code connect();
  void callAfter(Duration delay, void (Connector::*next)());
  void failed() { fail(failure_); }
  void endAttempt();

  EventLoop& loop_;
  const SocketAddress server_;
  std::optional<SocketAddress> local_;
  // Shared with a call that is under way, which may destroy the connector.
  std::shared_ptr<const NewConnectionCallback> connected_;
  std::shared_ptr<const ErrorCallback> error_;
  Duration timeout_ = std::chrono::seconds(10);
  std::unique_ptr<Backoff> backoff_;  // null: no retry
  bool active_ = false;
  // The one thing waited for: the deadline, the next attempt, or telling an error; or nothing, for
  // ever, to keep the place of the next.
  TimerId timer_;
  void (Connector::*next_)() = nullptr;  // when the timer fires
  std::error_code failure_;              // what failed() tells
  UniqueFd fd_;
  std::optional<Channel> channel_;  // after fd_: it stops watching before the fd closes
};

}  // namespace tern
