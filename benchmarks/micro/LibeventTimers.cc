// LibeventTimers: evtimer_add() and evtimer_del() on events from a pool.
#include "LibeventTimers.h"

#include <algorithm>

namespace tern::bench {

LibeventTimers::LibeventTimers(std::size_t capacity) : base_(event_base_new()), timers_(capacity) {
  for (std::size_t i = 0; i < capacity; ++i) {
    const auto id = static_cast<Id>(i);
    Timer& timer = timers_[i];
    timer.queue = this;
    timer.id = id;
    evtimer_assign(
        &timer.node, base_,
        [](evutil_socket_t, short, void* argument) {
          auto* fired = static_cast<Timer*>(argument);
          fired->queue->free_.push_back(fired->id);
          fired->callback();
        },
        &timer);
    free_.push_back(static_cast<Id>(capacity - 1 - i));
  }
}

LibeventTimers::~LibeventTimers() {
  for (Timer& timer : timers_) evtimer_del(&timer.node);
  event_base_free(base_);
}

LibeventTimers::Id LibeventTimers::runAt(Timestamp when, Callback callback) {
  const Id id = free_.back();
  free_.pop_back();
  Timer& timer = timers_[id];
  timer.callback = std::move(callback);
  const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(
      std::max<Duration>(when - Clock::now(), Duration(0)));
  const timeval wait{static_cast<time_t>(delay.count() / 1'000'000),
                     static_cast<suseconds_t>(delay.count() % 1'000'000)};
  evtimer_add(&timer.node, &wait);
  return id;
}

void LibeventTimers::cancel(Id id) {
  evtimer_del(&timers_[id].node);
  free_.push_back(id);
}

void LibeventTimers::expire() { event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }

}  // namespace tern::bench
