// ComputeSession: what happens under its lock, and what is asked of the connection behind it.
#include "ComputeSession.h"

#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>

#include <utility>

namespace tern::compute {

bool ComputeSession::add(Job job) {
  const std::lock_guard lock(mutex_);
  if (finished_) return false;
  jobs_.push_back(std::move(job));
  queueFull_ = queueFull_ || jobs_.size() > mostWaiting_;
  // With more than one, the pool has it already.
  return jobs_.size() == 1;
}

bool ComputeSession::mustPause() {
  const std::lock_guard lock(mutex_);
  return queueFull_ || outputFull_;
}

void ComputeSession::setOutputFull(bool full) {
  const std::lock_guard lock(mutex_);
  outputFull_ = full;
}

void ComputeSession::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  if (!idle()) return;
  const TcpConnectionPtr connection = connection_.lock();
  if (connection == nullptr) return;
  // On the loop a shutdown() takes effect at once: answers on their way there must not be
  // overtaken.
  connection->getLoop()->queueInLoop([connection] { connection->shutdown(); });
}

void ComputeSession::abandon() {
  std::deque<Job> garbage;
  const std::lock_guard lock(mutex_);
  jobs_.swap(garbage);
}

ComputeSession::Taken ComputeSession::take() {
  bool resume = false;
  Taken taken;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.empty()) return taken;
    taken.job = std::move(jobs_.front());
    jobs_.pop_front();
    taken.more = !jobs_.empty();
    ++working_;
    if (queueFull_ && jobs_.size() <= mostWaiting_ / 2) {
      queueFull_ = false;
      resume = !outputFull_;
    }
  }
  // Behind a stopRead() of the loop, which that does itself, at once. One that comes later is not
  // undone for long: the loop looks again at the next line.
  const TcpConnectionPtr connection = resume ? connection_.lock() : nullptr;
  if (connection != nullptr) connection->startRead();
  return taken;
}

void ComputeSession::answer(const std::string& line) {
  const TcpConnectionPtr connection = connection_.lock();
  if (connection != nullptr) codec_.send(connection, line);
  const std::lock_guard lock(mutex_);
  --working_;
  // Other threads sent their answers before they came here.
  if (finished_ && idle() && connection != nullptr) connection->shutdown();
}

}  // namespace tern::compute
