// Session: who runs, who is cancelled, and who ends first.
#include "Session.h"

#include <utility>
#include <vector>

#include "ServerCall.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern::rpc {

Session::Session(std::shared_ptr<const ServerCore> core, std::shared_ptr<CallPool> pool,
                 const TcpConnectionPtr& connection)
    : core_(std::move(core)), pool_(std::move(pool)), connection_(connection) {}

bool Session::has(std::uint64_t call) {
  if (running() == 0) return false;
  const std::lock_guard lock(mutex_);
  return calls_.contains(call);
}

bool Session::enter(ServerCall& call) {
  google::protobuf::Closure* told = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (call.ended()) return false;
    calls_.emplace(call.number(), &call);
    count_.fetch_add(1, std::memory_order_relaxed);
    if (gone_) told = call.cancelled();
  }
  if (told != nullptr) told->Run();
  return true;
}

bool Session::leave(ServerCall& call) {
  const std::lock_guard lock(mutex_);
  call.setEnded();
  ++answering_;
  if (calls_.erase(call.number()) == 0) return false;
  count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Session::answered(const TcpConnectionPtr& connection) {
  bool drained = false;
  {
    const std::lock_guard lock(mutex_);
    --answering_;
    drained = draining_ && calls_.empty() && answering_ == 0;
  }
  if (drained) shutDown(connection);
}

void Session::drain(const TcpConnectionPtr& connection) {
  bool drained = false;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    drained = calls_.empty() && answering_ == 0;
  }
  if (drained) shutDown(connection);
}

// Behind the replies that other threads have sent: those are still on their way to the loop.
void Session::shutDown(const TcpConnectionPtr& connection) const {
  if (connection == nullptr || connection->disconnected()) return;
  if (pool_->isOwner()) {
    connection->getLoop()->queueInLoop([connection] { connection->shutdown(); });
  } else {
    connection->shutdown();
  }
}

void Session::cancel(std::uint64_t call) {
  google::protobuf::Closure* told = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    told = found->second->cancelled();
  }
  if (told != nullptr) told->Run();
}

void Session::cancelAll() {
  std::vector<google::protobuf::Closure*> toTell;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    for (const auto& [number, call] : calls_) {
      if (auto* const told = call->cancelled(); told != nullptr) toTell.push_back(told);
    }
  }
  runAll(toTell);
}

}  // namespace tern::rpc
