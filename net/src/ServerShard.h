// ServerShard: the part of a TcpServer that lives on one loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "ConnectionSet.h"
#include "PeerCounts.h"
#include "ServerLimits.h"
#include "tern/base/UniqueFd.h"
#include "tern/net/Callbacks.h"

namespace tern {

class Acceptor;
class EventLoop;
class TaskQueue;

/// Belongs to its loop's thread, but for the constructor, the destructor and what says "any
/// thread". Held by the server and by the functors on their way to it.
class ServerShard : public std::enable_shared_from_this<ServerShard> {
 public:
  ServerShard(EventLoop& loop, std::shared_ptr<const ConnectionCallbacks> callbacks,
              std::shared_ptr<ServerLimits> limits);
  ServerShard(const ServerShard&) = delete;
  ServerShard& operator=(const ServerShard&) = delete;
  ~ServerShard();

  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }
  /// The pointer: any thread.
  [[nodiscard]] const std::shared_ptr<ConnectionSet>& connections() const noexcept {
    return connections_;
  }

  /// Hands an accepted socket over, within the limits. Any thread.
  void assign(UniqueFd fd);

  /// Looks, on its loop, whether the server's connections hold too much. Any thread.
  void checkBuffersSoon();

  /// Accepts on the socket, which is bound. Throws std::system_error.
  void listen(UniqueFd boundSocket);

  /// Accepts no more, shuts each connection down, and calls onEmpty once, on this loop, when the
  /// last is gone.
  void drain(std::function<void()> onEmpty);
  void forceCloseAll();
  /// Ends at once; every callback has run when it returns.
  void end();

 private:
  /// A socket that was admitted.
  struct Admitted {
    UniqueFd fd;
    std::optional<PeerCounts::Place> place;  // only where hosts are counted
  };

  void serve(Admitted admitted);
  void keepPlace(const TcpConnection& connection, std::optional<PeerCounts::Place> place);
  void removed(const TcpConnection& connection);
  void emptied();
  void dropped() noexcept;
  void unserved(const char* why) const;
  void grown() noexcept;
  void checkBuffers() noexcept;

  EventLoop& loop_;
  std::shared_ptr<const ConnectionCallbacks> callbacks_;
  std::shared_ptr<ServerLimits> limits_;
  const std::shared_ptr<TaskQueue> tasks_;  // the loop may be gone when another one asks
  const std::shared_ptr<ConnectionSet> connections_;
  std::unordered_map<const TcpConnection*, PeerCounts::Place> places_;
  std::unique_ptr<Acceptor> acceptor_;
  std::function<void()> onEmpty_;
  bool checkDue_ = false;           // at the end of the turn
  std::atomic<bool> asked_{false};  // to check, by another shard
};

}  // namespace tern
