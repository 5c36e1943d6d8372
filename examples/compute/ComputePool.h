// ComputePool: threads that do the jobs of sessions, in turn.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ComputeSession.h"

namespace tern::compute {

/// One job of each session that has any, then the next of each: how much one session asks for is
/// not felt by the others. Holds no more than the sessions do.
class ComputePool {
 public:
  ComputePool() = default;
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;
  /// Waits for the jobs in work; others are dropped.
  ~ComputePool();

  /// Throws std::system_error. Once.
  void start(std::size_t threads);
  /// Any thread, also before start().
  void schedule(std::shared_ptr<ComputeSession> session);

 private:
  void run();
  std::shared_ptr<ComputeSession> next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<ComputeSession>> sessions_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tern::compute
