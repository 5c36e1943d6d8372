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
#include "tern/base/UniqueFd.h"
#include "tern/net/Callbacks.h"

namespace tern {

class Acceptor;
class EventLoop;

/// What the shards of a server share. Any thread.
struct ServerLimits {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> nextId{1};
  std::atomic<std::size_t> refused{0};
  std::atomic<std::size_t> peersRefused{0};
  std::size_t maxConnections = static_cast<std::size_t>(-1);
  std::shared_ptr<PeerCounts> peers;  // null: no limit

  /// Counts a connection in; false, and counts it as refused, when there are too many.
  bool admit() noexcept;
  /// The same for its host.
  std::optional<PeerCounts::Place> admitPeer(int fd);
  void leave() noexcept { connections.fetch_sub(1, std::memory_order_relaxed); }
};

/// All but the constructor, assign() and the destructor belong to its loop's thread. Held by the
/// server and by the functors on their way to it.
class ServerShard : public std::enable_shared_from_this<ServerShard> {
 public:
  ServerShard(EventLoop& loop, std::shared_ptr<const ConnectionCallbacks> callbacks,
              std::shared_ptr<ServerLimits> limits);
  ServerShard(const ServerShard&) = delete;
  ServerShard& operator=(const ServerShard&) = delete;
  ~ServerShard();

  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }

  /// Hands an accepted socket over, within the limits. Any thread.
  void assign(UniqueFd fd);

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
  void dropped() noexcept;
  void unserved(const char* why) const;

  EventLoop& loop_;
  std::shared_ptr<const ConnectionCallbacks> callbacks_;
  std::shared_ptr<ServerLimits> limits_;
  ConnectionSet connections_;
  std::unordered_map<const TcpConnection*, PeerCounts::Place> places_;
  std::unique_ptr<Acceptor> acceptor_;
  std::function<void()> onEmpty_;
  bool closing_ = false;
};

}  // namespace tern
