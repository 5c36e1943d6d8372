// ServerShard: connections from hand-over to the end.
#include "ServerShard.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "TaskQueue.h"
#include "tern/base/Logging.h"
#include "tern/net/Acceptor.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

ServerShard::ServerShard(EventLoop& loop, std::shared_ptr<const ConnectionCallbacks> callbacks,
                         std::shared_ptr<ServerLimits> limits)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      limits_(std::move(limits)),
      tasks_(loop.tasks()),
      connections_(std::make_shared<ConnectionSet>(
          [this](const TcpConnection& connection) { removed(connection); })) {
  if (limits_->limitsBuffers()) connections_->setGrownCallback([this] { grown(); });
}

ServerShard::~ServerShard() = default;

void ServerShard::assign(UniqueFd fd) {
  Admitted admitted{std::move(fd), {}};
  if (limits_->countsPeers()) {
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
    limits_->noteFailed();
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
  const std::uint64_t id = limits_->nextId();
  TcpConnectionPtr connection;
  try {
    connection = TcpConnection::open(loop_, std::move(admitted.fd), id, callbacks_, *connections_);
  } catch (const std::exception& error) {
    limits_->noteFailed();
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
  acceptor_->setErrorCallback(
      [limits = limits_](std::error_code, std::size_t shed) { limits->noteAcceptError(shed); });
  acceptor_->listen();
}

void ServerShard::removed(const TcpConnection& connection) {
  limits_->leave();
  places_.erase(&connection);
  if (!connections_->empty() || !onEmpty_) return;
  // Later: the connection that went last is still on the stack.
  loop_.atTurnEnd(shared_from_this(),
                  [](void* shard) { static_cast<ServerShard*>(shard)->emptied(); });
}

void ServerShard::emptied() {
  if (const auto report = std::exchange(onEmpty_, {})) report();
}

// --- the limit of what the connections hold ---

// At the end of the turn: whoever grows is in the middle of its work, and what it has sent may have
// left by then.
void ServerShard::grown() noexcept {
  if (checkDue_ || limits_->excess() == 0) return;
  try {
    loop_.atTurnEnd(shared_from_this(),
                    [](void* shard) { static_cast<ServerShard*>(shard)->checkBuffers(); });
    checkDue_ = true;
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the next growth tries again
  }
}

// On the loop that holds the most, whichever has noticed.
void ServerShard::checkBuffers() noexcept {
  checkDue_ = false;
  const std::size_t excess = limits_->excess();
  if (excess == 0) return;
  const std::shared_ptr<ServerShard> largest = limits_->largestHolder();
  try {
    if (largest.get() != this) {
      if (largest != nullptr) largest->checkBuffersSoon();
    } else if (connections_->closeLargest(excess)) {
      limits_->noteBufferLimit();
    }
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the next growth tries again
  }
}

void ServerShard::checkBuffersSoon() {
  if (asked_.exchange(true, std::memory_order_relaxed)) return;
  try {
    tasks_->post([self = shared_from_this()] {
      self->asked_.store(false, std::memory_order_relaxed);
      self->checkBuffers();
    });
  } catch (...) {
    asked_.store(false, std::memory_order_relaxed);
    throw;
  }
}

// --- the end ---

void ServerShard::drain(std::function<void()> onEmpty) {
  acceptor_.reset();
  if (connections_->empty()) {
    onEmpty();
    return;
  }
  onEmpty_ = std::move(onEmpty);
  // A functor each: a callback that throws takes nothing from the other connections.
  for (const TcpConnectionPtr& connection : connections_->snapshot()) {
    loop_.queueInLoop([connection] { connection->drain(); });
  }
}

void ServerShard::forceCloseAll() {
  for (const TcpConnectionPtr& connection : connections_->snapshot()) connection->forceClose();
}

void ServerShard::end() {
  onEmpty_ = {};
  acceptor_.reset();
  connections_->closeAll();
}

}  // namespace tern
