// CallAndWait: a synchronous call into a loop on another thread.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "tern/net/EventLoop.h"

namespace tern {

/// Runs the call on the loop's thread (directly when this is it), waits for it, and throws what it
/// threw. The loop must be running, or start to; when it ends instead, the call is dropped.
template <class Call>
void callAndWait(EventLoop& loop, Call&& call) {
  if (loop.isInLoopThread()) {
    std::forward<Call>(call)();
    return;
  }
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> future = done->get_future();
  loop.queueInLoop([done = std::move(done), &call] {
    try {
      call();
      done->set_value();
    } catch (...) {
      done->set_exception(std::current_exception());
    }
  });
  try {
    future.get();
  } catch (const std::future_error&) {
    // A broken promise: the functor was destroyed with its loop.
  }
}

}  // namespace tern
