// TcpServer: loops, listeners, and the end of both.
#include "tern/net/TcpServer.h"

#include <utility>

#include "CallAndWait.h"
#include "ListeningSocket.h"
#include "ServerLimits.h"
#include "ServerShard.h"
#include "SocketFile.h"
#include "TaskQueue.h"
#include "tern/base/Error.h"
#include "tern/net/Acceptor.h"
#include "tern/net/EventLoop.h"

namespace tern {

TcpServer::TcpServer(EventLoop* loop, const SocketAddress& address, std::string name, Option option)
    : loop_(*loop),
      name_(std::move(name)),
      option_(option),
      socket_(bindListeningSocket(address, option == Option::kReusePort)),
      address_(SocketAddress::localOf(socket_.get()).value_or(address)),
      file_(std::make_unique<SocketFile>(address_)),
      spec_(loop->pollerSpec()),
      limits_(std::make_shared<ServerLimits>()),
      self_(std::make_shared<TcpServer*>(this)) {
  callbacks_.name = name_;
}

TcpServer::~TcpServer() {
  loop_.assertInLoopThread();
  *self_ = nullptr;
  loop_.cancel(deadlineTimer_);
  acceptor_.reset();
  for (const auto& shard : shards_) {
    callAndWait(shard->loop(), [&shard] { shard->end(); });
  }
  pool_.reset();
}

// --- settings ---

ConnectionCallbacks& TcpServer::editCallbacks() {
  if (pool_ != nullptr) {
    contractViolation("a setting of TcpServer '" + name_ + "' was changed after start()");
  }
  return callbacks_;
}

void TcpServer::setThreadNum(std::size_t count) {
  editCallbacks();
  threadCount_ = count;
}

void TcpServer::setThreadInitCallback(ThreadInitCallback callback) {
  editCallbacks();
  threadInit_ = std::move(callback);
}

void TcpServer::setPollerSpec(PollerSpec spec) {
  editCallbacks();
  spec_ = std::move(spec);
}

void TcpServer::setBalance(Balance balance) {
  editCallbacks();
  balance_ = balance;
}

void TcpServer::setMaxConnections(std::size_t count) {
  editCallbacks();
  limits_->setMaxConnections(count);
}

void TcpServer::setMaxConnectionsPerPeer(std::size_t count) {
  editCallbacks();
  limits_->setMaxConnectionsPerPeer(count);
}

void TcpServer::setBufferLimit(std::size_t bytes) {
  editCallbacks();
  limits_->setBufferLimit(bytes);
}

void TcpServer::setDrainCallback(DrainCallback callback) {
  editCallbacks().drain = std::move(callback);
}

// --- start ---

void TcpServer::start() {
  loop_.assertInLoopThread();
  if (pool_ != nullptr || stopping_) return;
  auto pool = std::make_unique<EventLoopThreadPool>(loop_, name_, spec_);
  pool->setThreadNum(threadCount_);
  pool->start(threadInit_);
  const auto callbacks = std::make_shared<const ConnectionCallbacks>(callbacks_);
  for (EventLoop* loop : pool->getAllLoops()) {
    shards_.push_back(std::make_shared<ServerShard>(*loop, callbacks, limits_));
  }
  limits_->setShards(shards_);
  pool_ = std::move(pool);
  try {
    listen();
  } catch (...) {
    // As before, so that start() may be tried again.
    acceptor_.reset();
    for (const auto& shard : shards_) {
      callAndWait(shard->loop(), [&shard] { shard->end(); });
    }
    shards_.clear();
    pool_.reset();
    limits_->setShards({});
    throw;
  }
}

void TcpServer::listen() {
  if (option_ == Option::kReusePort) {
    listenOnEachLoop();
    return;
  }
  if (!socket_) {
    socket_ = bindListeningSocket(address_, false);
    file_ = std::make_unique<SocketFile>(address_);
  }
  acceptor_ = std::make_unique<Acceptor>(loop_, std::move(socket_));
  acceptor_->setNewConnectionCallback([this](UniqueFd fd) { assign(std::move(fd)); });
  acceptor_->setErrorCallback(
      [limits = limits_](std::error_code, std::size_t shed) { limits->noteAcceptError(shed); });
  acceptor_->listen();
}

void TcpServer::listenOnEachLoop() {
  for (const auto& shard : shards_) {
    // All are bound to the one address before the first client can come, the first by the
    // constructor.
    auto socket = socket_ ? std::move(socket_) : bindListeningSocket(address_, true);
    callAndWait(shard->loop(), [&] { shard->listen(std::move(socket)); });
  }
}

void TcpServer::assign(UniqueFd fd) {
  const EventLoop* loop = chooseLoop(fd);
  for (const auto& shard : shards_) {
    if (&shard->loop() != loop) continue;
    // Its own reference: a callback in there may destroy the server.
    const std::shared_ptr<ServerShard> chosen = shard;
    chosen->assign(std::move(fd));
    return;
  }
}

EventLoop* TcpServer::chooseLoop(const UniqueFd& fd) {
  switch (balance_) {
    case Balance::kLeastConnections:
      return pool_->getLeastConnectionsLoop();
    case Balance::kByPeerHost:
      if (const auto peer = SocketAddress::peerOf(fd.get())) {
        return pool_->getLoopForHash(peer->hashOfHost());
      }
      break;
    case Balance::kRoundRobin:
      break;
  }
  return pool_->getNextLoop();
}

std::size_t TcpServer::connectionCount() const noexcept { return limits_->connections(); }

ServerStats TcpServer::stats() const { return limits_->stats(); }

std::vector<EventLoop*> TcpServer::loops() const {
  return pool_ == nullptr ? std::vector<EventLoop*>{} : pool_->getAllLoops();
}

// --- stop ---

void TcpServer::stop(Delay deadline, std::function<void()> done) {
  loop_.runInLoop([self = self_, deadline, done = std::move(done)]() mutable {
    if (*self != nullptr) (*self)->stopInLoop(deadline.value(), std::move(done));
  });
}

void TcpServer::stopInLoop(Duration deadline, std::function<void()> done) {
  if (done) done_.push_back(std::move(done));
  setDeadline(addSaturated(Clock::now(), deadline));
  if (std::exchange(stopping_, true)) {
    if (undrained_ == 0) shardDrained();
    return;
  }
  acceptor_.reset();
  socket_.reset();
  file_.reset();
  drainShards();
}

void TcpServer::setDeadline(Timestamp deadline) {
  if (deadline >= deadline_) return;
  deadline_ = deadline;
  loop_.cancel(deadlineTimer_);
  deadlineTimer_ = loop_.runAt(deadline, [this] {
    for (const auto& shard : shards_) {
      shard->loop().runInLoop([shard] { shard->forceCloseAll(); });
    }
  });
}

void TcpServer::drainShards() {
  undrained_ = shards_.size() + 1;
  // By self_, which knows whether the server is still there. Made here: when the last connection
  // ends, there may be no memory.
  TaskQueue::Task drained = [self = self_] {
    if (*self != nullptr) (*self)->shardDrained();
  };
  for (const auto& shard : shards_) {
    // By the task queue, which may outlive the base loop.
    auto report = [tasks = loop_.tasks(), drained]() mutable { tasks->post(std::move(drained)); };
    shard->loop().runInLoop([shard, report = std::move(report)] { shard->drain(report); });
  }
  // The one more: so that a server without shards, or with idle ones, reports from a functor, too.
  loop_.queueInLoop(std::move(drained));
}

void TcpServer::shardDrained() {
  if (undrained_ > 0) --undrained_;
  if (undrained_ > 0) return;
  loop_.cancel(deadlineTimer_);
  // A functor each: one that throws, or destroys the server, takes nothing from the others.
  for (auto& done : std::exchange(done_, {})) loop_.queueInLoop(std::move(done));
}

}  // namespace tern
