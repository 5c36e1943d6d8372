// ConnectionDeadlines: one timer, moved as rarely as possible.
#include "ConnectionDeadlines.h"

#include <algorithm>

#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

ConnectionDeadlines::ConnectionDeadlines(TcpConnection& owner)
    : owner_(owner), active_(Clock::now()) {}

ConnectionDeadlines::~ConnectionDeadlines() {
  if (armedFor_ != Timestamp::max()) owner_.getLoop()->cancel(timer_);
}

void ConnectionDeadlines::setIdleTimeout(Duration timeout) {
  idleTimeout_ = timeout > Duration::zero() ? timeout : kForever;
  active_ = Clock::now();
  arm();
}

void ConnectionDeadlines::setDeadline(Timestamp when) {
  deadline_ = when;
  arm();
}

Timestamp ConnectionDeadlines::due() const noexcept {
  return std::min(deadline_, addSaturated(active_, idleTimeout_));
}

void ConnectionDeadlines::arm() {
  const Timestamp when = due();
  if (when >= armedFor_) return;
  EventLoop& loop = *owner_.getLoop();
  if (armedFor_ != Timestamp::max()) loop.cancel(timer_);
  timer_ = loop.runAt(when, [this] { onTimer(); });
  armedFor_ = when;
}

void ConnectionDeadlines::onTimer() {
  armedFor_ = Timestamp::max();
  if (due() <= Clock::now()) {
    owner_.expire();
  } else {
    arm();
  }
}

}  // namespace tern
