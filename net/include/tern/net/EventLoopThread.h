// EventLoopThread: a thread that runs one EventLoop.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "tern/poller/PollerSpec.h"

namespace tern {

class EventLoop;

/// Belongs to the thread that makes it.
class EventLoopThread {
 public:
  /// Runs on the new thread before its loop does.
  using ThreadInitCallback = std::function<void(EventLoop*)>;

  /// `name` is what tools show for the thread (the first 15 bytes).
  explicit EventLoopThread(PollerSpec spec = PollerSpec(), ThreadInitCallback init = {},
                           std::string name = "tern-loop");
  EventLoopThread(const EventLoopThread&) = delete;
  EventLoopThread& operator=(const EventLoopThread&) = delete;
  /// Makes the loop quit and joins the thread.
  ~EventLoopThread();

  /// Starts the thread and returns its loop, which lives as long as this object. Throws what making
  /// the loop or the init callback threw. Once.
  ///
  /// An exception that leaves a callback on that loop is logged, and the loop goes on; so it does
  /// after a quit() that is not this object's own.
  EventLoop* startLoop();

 private:
  void run();
  bool ending();

  PollerSpec spec_;
  ThreadInitCallback init_;
  std::string name_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;         // guarded by mutex_
  EventLoop* loop_ = nullptr;   // guarded by mutex_
  std::exception_ptr failure_;  // guarded by mutex_
};

}  // namespace tern
