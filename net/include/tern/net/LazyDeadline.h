// LazyDeadline: a deadline that moves with the traffic and costs a timer now and then.
#pragma once

#include <memory>

#include "tern/base/Clock.h"
#include "tern/net/EventLoop.h"

namespace tern {

/// One timer, which is left alone while the deadline moves to later: when it fires early, it is set
/// again. So its cost grows with time, not with how often the deadline moves. For sessions on top
/// of connections that have more to do at a deadline than to close; else see
/// TcpConnection::setDeadline(). Loop thread; the loop must outlive it.
class LazyDeadline {
 public:
  /// `tick` runs when the timer fires, and is to ask expired(). It must not own this, and may
  /// destroy it.
  LazyDeadline(EventLoop& loop, EventLoop::TimerCallback tick);
  LazyDeadline(const LazyDeadline&) = delete;
  LazyDeadline& operator=(const LazyDeadline&) = delete;
  ~LazyDeadline();

  /// Replaces it. May throw std::bad_alloc, and is then not in force; not in `tick`.
  void set(Timestamp when);
  void clear() noexcept { deadline_ = Timestamp::max(); }
  /// In `tick`, which may move the deadline first: whether it has passed; it is then cleared.
  [[nodiscard]] bool expired();

 private:
  void arm();

  EventLoop& loop_;
  const std::shared_ptr<const EventLoop::TimerCallback> tick_;
  TimerId timer_;
  Timestamp deadline_ = Timestamp::max();
  Timestamp armedFor_ = Timestamp::max();  // when the timer fires; max: there is none
  Timestamp firedFor_ = Timestamp::min();
};

}  // namespace tern
