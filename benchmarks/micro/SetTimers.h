// SetTimers: a timer queue of the design that muduo has, to compare with.
#pragma once

#include <tern/base/Clock.h>

#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace tern::bench {

/// A std::set of (deadline, timer) for expiry and one of (timer, sequence) for cancelling; each
/// timer is an object on the heap with its callback. It makes no system call and belongs to no
/// loop, and so does less than muduo's own.
class SetTimers {
 public:
  using Callback = std::function<void()>;
  struct Timer;

  class Id {
   public:
    Id() = default;

   private:
    friend class SetTimers;
    Timer* timer_ = nullptr;
    std::int64_t sequence_ = 0;
  };

  SetTimers() = default;
  SetTimers(const SetTimers&) = delete;
  SetTimers& operator=(const SetTimers&) = delete;
  ~SetTimers();

  Id runAt(Timestamp when, Callback callback);
  void cancel(Id id);
  /// Runs what is due at `now`.
  void expire(Timestamp now);

 private:
  using Entry = std::pair<Timestamp, Timer*>;
  using Active = std::pair<Timer*, std::int64_t>;

  std::set<Entry> timers_;
  std::set<Active> active_;
  std::int64_t nextSequence_ = 1;
};

}  // namespace tern::bench
