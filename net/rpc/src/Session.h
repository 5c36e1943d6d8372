// Session: the calls of one connection that are not answered yet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "tern/net/Callbacks.h"

namespace tern::rpc {

class CallPool;
class ServerCall;
class ServerCore;

/// Made with a connection's first frame. Held by the connection, and by the calls that outlive
/// their method. Only calls that do are entered: whoever answers at once takes no lock.
class Session {
 public:
  Session(std::shared_ptr<const ServerCore> core, std::shared_ptr<CallPool> pool,
          const TcpConnectionPtr& connection);

  [[nodiscard]] const ServerCore& core() const noexcept { return *core_; }
  /// For this session's loop's thread.
  [[nodiscard]] CallPool& pool() noexcept { return *pool_; }
  /// Null when it is gone. Any thread.
  [[nodiscard]] TcpConnectionPtr connection() const { return connection_.lock(); }

  /// Calls that run. Any thread.
  [[nodiscard]] std::size_t running() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  /// Whether a call of that number runs. Loop thread.
  [[nodiscard]] bool has(std::uint64_t call);
  /// The method has returned. False when the call has ended meanwhile. Loop thread.
  bool enter(ServerCall& call);
  /// The call has ended: false when its method has not returned, which then finds it so. Any
  /// thread.
  bool leave(ServerCall& call);
  /// Tells the call, if it runs, that it is cancelled. Loop thread.
  void cancel(std::uint64_t call);
  /// Tells all calls, and those to come, that the connection is gone. Loop thread.
  void cancelAll();

  /// After leave(), when the reply has been sent, if it could be. Any thread.
  void answered(const TcpConnectionPtr& connection);
  /// The connection is shut down when all calls are answered. Loop thread.
  void drain(const TcpConnectionPtr& connection);
  /// No further call is wanted. Loop thread.
  [[nodiscard]] bool draining() const noexcept { return draining_; }

  /// Guards what calls keep about their cancellation and end, as well.
  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }

 private:
  void shutDown(const TcpConnectionPtr& connection) const;

  const std::shared_ptr<const ServerCore> core_;
  const std::shared_ptr<CallPool> pool_;
  const std::weak_ptr<TcpConnection> connection_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, ServerCall*> calls_;
  std::atomic<std::size_t> count_{0};
  std::size_t answering_ = 0;  // between leave() and answered()
  bool gone_ = false;
  bool draining_ = false;  // written by the loop's thread
};

}  // namespace tern::rpc
