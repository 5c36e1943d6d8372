// CallAndWait: a synchronous call into a loop on another thread.
#pragma once

#include <exception>
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
  std::exception_ptr thrown;
  auto done = std::make_shared<std::promise<void>>();
  const std::future<void> future = done->get_future();
  loop.queueInLoop([done = std::move(done), &call, &thrown] {
    try {
      call();
    } catch (...) {
      thrown = std::current_exception();
    }
    done->set_value();
  });
  // A promise that is broken, because the functor was destroyed with its loop, ends it, too.
  future.wait();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tern
