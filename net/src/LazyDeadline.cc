// LazyDeadline: sets its timer anew only for a deadline that is earlier.
#include "tern/net/LazyDeadline.h"

#include <utility>

namespace tern {

LazyDeadline::LazyDeadline(EventLoop& loop, EventLoop::TimerCallback tick)
    : loop_(loop), tick_(std::move(tick)) {}

LazyDeadline::~LazyDeadline() {
  if (armedFor_ != Timestamp::max()) loop_.cancel(timer_);
}

void LazyDeadline::set(Timestamp when) {
  deadline_ = when;
  if (when < armedFor_) arm();
}

bool LazyDeadline::expired() {
  if (deadline_ != Timestamp::max() && deadline_ <= firedFor_) {
    clear();
    return true;
  }
  if (deadline_ < armedFor_) arm();
  return false;
}

void LazyDeadline::arm() {
  if (armedFor_ != Timestamp::max()) loop_.cancel(timer_);
  armedFor_ = Timestamp::max();  // runAt() may throw
  // A copy of the tick, which may destroy this.
  timer_ = loop_.runAt(deadline_, [this, tick = tick_] {
    firedFor_ = std::exchange(armedFor_, Timestamp::max());
    tick();
  });
  armedFor_ = deadline_;
}

}  // namespace tern
