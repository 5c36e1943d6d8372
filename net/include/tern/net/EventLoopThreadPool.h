// EventLoopThreadPool: several loops on threads of their own, and the choice among them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tern/net/EventLoopThread.h"

namespace tern {

/// Belongs to the base loop's thread. With no threads, the base loop serves as the only one.
class EventLoopThreadPool {
 public:
  EventLoopThreadPool(EventLoop& baseLoop, std::string name, PollerSpec spec = PollerSpec());
  EventLoopThreadPool(const EventLoopThreadPool&) = delete;
  EventLoopThreadPool& operator=(const EventLoopThreadPool&) = delete;
  /// Ends and joins the threads.
  ~EventLoopThreadPool();

  /// Before start().
  void setThreadNum(std::size_t count) noexcept { threadCount_ = count; }
  /// Starts the threads; init runs on each (or on the base loop if there are none). Throws what
  /// making a loop threw, with no thread left behind.
  void start(const EventLoopThread::ThreadInitCallback& init = {});
  [[nodiscard]] bool started() const noexcept { return started_; }

  /// Round robin.
  EventLoop* getNextLoop();
  /// The loop with the fewest connections assigned.
  [[nodiscard]] EventLoop* getLeastConnectionsLoop();
  /// The same loop for the same hash.
  [[nodiscard]] EventLoop* getLoopForHash(std::size_t hash);
  /// The threads' loops, or the base loop alone.
  [[nodiscard]] std::vector<EventLoop*> getAllLoops() const;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  EventLoop& base_;
  std::string name_;
  PollerSpec spec_;
  std::size_t threadCount_ = 0;
  std::size_t next_ = 0;
  bool started_ = false;
  std::vector<EventLoop*> loops_;
  std::vector<std::unique_ptr<EventLoopThread>> threads_;
};

}  // namespace tern
