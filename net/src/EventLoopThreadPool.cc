// EventLoopThreadPool: the threads and three ways to choose a loop.
#include "tern/net/EventLoopThreadPool.h"

#include <algorithm>
#include <utility>

#include "tern/base/Error.h"
#include "tern/net/EventLoop.h"

namespace tern {

EventLoopThreadPool::EventLoopThreadPool(EventLoop& baseLoop, std::string name, PollerSpec spec)
    : base_(baseLoop), name_(std::move(name)), spec_(std::move(spec)), loops_{&base_} {}

EventLoopThreadPool::~EventLoopThreadPool() = default;

void EventLoopThreadPool::start(const EventLoopThread::ThreadInitCallback& init) {
  base_.assertInLoopThread();
  if (std::exchange(started_, true)) contractViolation("a loop thread pool was started twice");
  if (threadCount_ == 0) {
    if (init) init(&base_);
    return;
  }
  std::vector<EventLoop*> loops;
  try {
    for (std::size_t i = 0; i < threadCount_; ++i) {
      threads_.push_back(
          std::make_unique<EventLoopThread>(spec_, init, name_ + '-' + std::to_string(i)));
      loops.push_back(threads_.back()->startLoop());
    }
  } catch (...) {
    threads_.clear();
    started_ = false;
    throw;
  }
  loops_ = std::move(loops);
}

EventLoop* EventLoopThreadPool::getNextLoop() {
  base_.assertInLoopThread();
  if (next_ >= loops_.size()) next_ = 0;
  return loops_[next_++];
}

EventLoop* EventLoopThreadPool::getLeastConnectionsLoop() {
  base_.assertInLoopThread();
  return *std::min_element(loops_.begin(), loops_.end(), [](EventLoop* a, EventLoop* b) {
    return a->connectionCount() < b->connectionCount();
  });
}

EventLoop* EventLoopThreadPool::getLoopForHash(std::size_t hash) {
  base_.assertInLoopThread();
  return loops_[hash % loops_.size()];
}

std::vector<EventLoop*> EventLoopThreadPool::getAllLoops() const { return loops_; }

}  // namespace tern
