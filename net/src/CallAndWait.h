// CallAndWait: a synchronous call into a loop on another thread.
#pragma once

#include <future>
#include <utility>

#include "tern/net/EventLoop.h"

namespace tern {

/// Runs the call on the loop's thread (directly when this is it), waits for it, and throws what it
/// threw. The loop must be running, or start to.
template <class Call>
void callAndWait(EventLoop& loop, Call&& call) {
  if (loop.isInLoopThread()) {
    std::forward<Call>(call)();
    return;
  }
  std::promise<void> done;
  loop.queueInLoop([&] {
    try {
      call();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

}  // namespace tern
