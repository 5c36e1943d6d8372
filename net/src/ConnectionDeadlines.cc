// ConnectionDeadlines: the earlier of two.
#include "ConnectionDeadlines.h"

#include <algorithm>

#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

ConnectionDeadlines::ConnectionDeadlines(TcpConnection& owner)
    : owner_(owner), active_(Clock::now()), next_(*owner.getLoop(), [this] { onTick(); }) {}

void ConnectionDeadlines::setIdleTimeout(Duration timeout) {
  idleTimeout_ = timeout > Duration::zero() ? timeout : kForever;
  active_ = Clock::now();
  update();
}

void ConnectionDeadlines::setDeadline(Timestamp when) {
  deadline_ = when;
  update();
}

void ConnectionDeadlines::update() {
  next_.set(std::min(deadline_, addSaturated(active_, idleTimeout_)));
}

void ConnectionDeadlines::onTick() {
  // Traffic has not told.
  update();
  if (next_.expired()) owner_.expire();
}

}  // namespace tern
