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
  const bool reached = deadline_ != Timestamp::max() && deadline_ <= armedFor_;
  armedFor_ = Timestamp::max();
  if (reached) {
    clear();
    return true;
  }
  if (deadline_ != Timestamp::max()) arm();
  return false;
}

void LazyDeadline::arm() {
  loop_.cancel(timer_);
  timer_ = loop_.runAt(deadline_, tick_);
  armedFor_ = deadline_;
}

}  // namespace tern
