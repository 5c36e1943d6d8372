// EventLoopThread: start-up with errors carried back, and a loop that survives exceptions.
#include "tern/net/EventLoopThread.h"

#include <pthread.h>

#include <utility>

#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"

namespace tern {
namespace {

// True when loop() ended by quit().
bool runOnce(EventLoop& loop) {
  try {
    loop.loop();
    return true;
  } catch (const std::exception& error) {
    log(LogLevel::kError, [&] {
      return std::string("an exception left a callback: ") + error.what() + "; the loop goes on";
    });
  } catch (...) {
    log(LogLevel::kError, "an exception of unknown type left a callback; the loop goes on");
  }
  return false;
}

}  // namespace

EventLoopThread::EventLoopThread(PollerSpec spec, ThreadInitCallback init, std::string name)
    : spec_(std::move(spec)), init_(std::move(init)), name_(std::move(name)) {}

EventLoopThread::~EventLoopThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (loop_ != nullptr) loop_->quit();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

EventLoop* EventLoopThread::startLoop() {
  if (thread_.joinable()) contractViolation("EventLoopThread::startLoop() was called twice");
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return loop_ != nullptr || failure_ != nullptr; });
  if (failure_ == nullptr) return loop_;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(failure_);
}

bool EventLoopThread::ending() {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void EventLoopThread::run() {
  ::pthread_setname_np(::pthread_self(), name_.substr(0, 15).c_str());
  const auto report = [this](EventLoop* loop, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    loop_ = loop;
    failure_ = std::move(failure);
    changed_.notify_all();
  };
  try {
    EventLoop loop(spec_);
    if (init_) init_(&loop);
    report(&loop, nullptr);
    // Whoever makes it quit, others still hold it, and a server may wait for an answer from it: it
    // goes on until this object ends.
    while (!runOnce(loop) || !ending()) {
    }
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  } catch (...) {
    report(nullptr, std::current_exception());
  }
}

}  // namespace tern
