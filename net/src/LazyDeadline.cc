// LazyDeadline: sets its timer anew only for a deadline that is earlier.
#include "tern/net/LazyDeadline.h"

#include <utility>

namespace tern {

LazyDeadline::LazyDeadline(EventLoop& loop, EventLoop::TimerCallback tick)
    : loop_(loop), tick_(std::make_shared<const EventLoop::TimerCallback>(std::move(tick))) {}

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
  timer_ = loop_.runAt(deadline_, [this] {
    firedFor_ = std::exchange(armedFor_, Timestamp::max());
    const auto tick = tick_;  // which may destroy this
    (*tick)();
  });
  armedFor_ = deadline_;
}

}  // namespace tern
