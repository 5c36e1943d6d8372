// ServerShard: connections from hand-over to the end.
#include "ServerShard.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "tern/base/Logging.h"
#include "tern/net/Acceptor.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

bool ServerLimits::admit() noexcept {
  if (connections.fetch_add(1, std::memory_order_relaxed) < maxConnections) return true;
  leave();
  // One line for the first: a server at its limit has better things to do than to log.
  if (refused.fetch_add(1, std::memory_order_relaxed) == 0) {
    log(LogLevel::kWarn, [&] {
      return "the limit of " + std::to_string(maxConnections) +
             " connections is reached; further ones are closed as they arrive";
    });
  }
  return false;
}

std::optional<PeerCounts::Place> ServerLimits::admitPeer(int fd) {
  std::optional<PeerCounts::Place> place = peers->admit(fd);
  if (!place && peersRefused.fetch_add(1, std::memory_order_relaxed) == 0) {
    log(LogLevel::kWarn, [&] {
      return "a peer has reached the limit of " + std::to_string(peers->most()) +
             " connections; its further ones, and those of other such peers, are closed "
             "as they arrive";
    });
  }
  return place;
}

ServerShard::ServerShard(EventLoop& loop, std::shared_ptr<const ConnectionCallbacks> callbacks,
                         std::shared_ptr<ServerLimits> limits)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      limits_(std::move(limits)),
      connections_([this](const TcpConnection& connection) { removed(connection); }) {}

ServerShard::~ServerShard() = default;

void ServerShard::assign(UniqueFd fd) {
  Admitted admitted{std::move(fd), {}};
  if (limits_->peers != nullptr) {
    admitted.place = limits_->admitPeer(admitted.fd.get());
    if (!admitted.place) return;
  }
  if (!limits_->admit()) return;
  loop_.connectionAssigned();
  if (loop_.isInLoopThread()) {
    serve(std::move(admitted));
    return;
  }
  // std::function copies, a UniqueFd does not: hence the sharing. A functor that never runs closes
  // the socket.
  try {
    auto shared = std::make_shared<Admitted>(std::move(admitted));
    loop_.queueInLoop([self = shared_from_this(), shared] { self->serve(std::move(*shared)); });
  } catch (const std::bad_alloc&) {
    dropped();
    unserved("out of memory");
  }
}

void ServerShard::unserved(const char* why) const {
  log(LogLevel::kError,
      [&] { return callbacks_->name + ": a connection can't be served: " + why; });
}

// A connection that was admitted, and did not come to be.
void ServerShard::dropped() noexcept {
  loop_.connectionGone();
  limits_->leave();
}

void ServerShard::serve(Admitted admitted) {
  if (closing_) {
    dropped();
    return;
  }
  const std::uint64_t id = limits_->nextId.fetch_add(1, std::memory_order_relaxed);
  TcpConnectionPtr connection;
  try {
    connection = TcpConnection::open(loop_, std::move(admitted.fd), id, callbacks_, connections_);
  } catch (const std::exception& error) {
    dropped();
    unserved(error.what());
    return;
  }
  keepPlace(*connection, std::move(admitted.place));
  connection->connectEstablished();
}

void ServerShard::keepPlace(const TcpConnection& connection,
                            std::optional<PeerCounts::Place> place) {
  if (!place) return;
  try {
    places_.emplace(&connection, std::move(*place));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): served, and not counted
  }
}

void ServerShard::listen(UniqueFd boundSocket) {
  acceptor_ = std::make_unique<Acceptor>(loop_, std::move(boundSocket));
  acceptor_->setNewConnectionCallback([self = weak_from_this()](UniqueFd fd) {
    if (const auto shard = self.lock()) shard->assign(std::move(fd));
  });
  acceptor_->listen();
}

void ServerShard::removed(const TcpConnection& connection) {
  limits_->leave();
  places_.erase(&connection);
  if (!connections_.empty() || !onEmpty_) return;
  // A functor: the connection that went last is still on the stack.
  loop_.queueInLoop(std::exchange(onEmpty_, {}));
}

void ServerShard::drain(std::function<void()> onEmpty) {
  closing_ = true;
  acceptor_.reset();
  if (connections_.empty()) {
    onEmpty();
    return;
  }
  onEmpty_ = std::move(onEmpty);
  // A functor each: a callback that throws takes nothing from the other connections.
  for (const TcpConnectionPtr& connection : connections_.snapshot()) {
    loop_.queueInLoop([connection] { connection->drain(); });
  }
}

void ServerShard::forceCloseAll() {
  for (const TcpConnectionPtr& connection : connections_.snapshot()) connection->forceClose();
}

void ServerShard::end() {
  closing_ = true;
  onEmpty_ = {};
  acceptor_.reset();
  connections_.closeAll();
}

}  // namespace tern
