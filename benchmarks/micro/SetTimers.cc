// SetTimers: both sets are kept in step, as muduo's TimerQueue does.
#include "SetTimers.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace tern::bench {

struct SetTimers::Timer {
  Callback callback;
  Timestamp when;
  Duration interval{0};
  std::int64_t sequence = 0;
};

SetTimers::~SetTimers() {
  for (const Entry& entry : timers_) delete entry.second;
}

SetTimers::Id SetTimers::runAt(Timestamp when, Callback callback) {
  auto* timer = new Timer{std::move(callback), when, Duration(0), nextSequence_++};
  timers_.emplace(when, timer);
  active_.emplace(timer, timer->sequence);
  Id id;
  id.timer_ = timer;
  id.sequence_ = timer->sequence;
  return id;
}

void SetTimers::cancel(Id id) {
  const auto found = active_.find({id.timer_, id.sequence_});
  if (found == active_.end()) return;
  timers_.erase({found->first->when, found->first});
  delete found->first;
  active_.erase(found);
}

void SetTimers::expire(Timestamp now) {
  const Entry sentry(now, std::bit_cast<Timer*>(std::numeric_limits<std::uintptr_t>::max()));
  const auto end = timers_.lower_bound(sentry);
  const std::vector<Entry> expired(timers_.begin(), end);
  timers_.erase(timers_.begin(), end);
  for (const Entry& entry : expired) active_.erase({entry.second, entry.second->sequence});
  for (const Entry& entry : expired) entry.second->callback();
  for (const Entry& entry : expired) delete entry.second;
}

}  // namespace tern::bench
