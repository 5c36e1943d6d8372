// TimerQueue: all timers of a loop on one timerfd.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/base/Counter.h"
#include "tern/base/SlotTable.h"
#include "tern/base/UniqueFd.h"
#include "tern/net/TimerId.h"
#include "tern/poller/Channel.h"

namespace tern {

/// A binary heap of deadlines. Cancelling frees the timer at once and leaves its heap entry behind
/// as stale; when stale entries outnumber live ones the heap is rebuilt, so that both adding and
/// cancelling cost O(log n) amortised. A timer that fires once, or is cancelled, leaves its place
/// behind: the next one takes no memory for it. Belongs to the loop's thread, but for what says
/// "any thread".
class TimerQueue final : private ChannelHandler {
 public:
  using Callback = std::function<void()>;

  /// Repeating timers fire no more often than this.
  static constexpr Duration kShortestInterval = std::chrono::microseconds(100);

  /// Throws std::system_error when no timerfd is to be had.
  explicit TimerQueue(Poller& poller);
  ~TimerQueue();

  /// One-shot when interval is zero. Changes nothing when it throws std::bad_alloc.
  TimerId add(Callback callback, Timestamp when, Duration interval);
  /// Unknown and stale ids are ignored. Safe from the timer's own callback and from a sibling's.
  /// False when the id is a ticket that add() has not seen yet: then the timer will not start, and
  /// the caller must call forgetTicket() once add() has had its chance.
  bool cancel(TimerId id);

  /// An id for a timer that add() will receive later. Any thread.
  TimerId reserve() noexcept;
  void add(TimerId reserved, Callback callback, Timestamp when, Duration interval);
  void forgetTicket(TimerId reserved) { cancelledEarly_.erase(reserved.ticket_); }

  /// Drops all timers, and those that are added later.
  void close();

  /// Sets the timerfd if the earliest deadline moved. To be called before each wait.
  void arm();

  /// Timers that wait to fire; a repeating one that is firing, too. Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return pending_.value(); }
  /// How often one fired. Any thread.
  [[nodiscard]] std::uint64_t fired() const noexcept { return fired_.value(); }

 private:
  struct Timer {
    Callback callback;
    Duration interval{0};
    std::uint64_t ticket = 0;
  };
  struct Entry {
    Timestamp when;
    std::uint64_t order;  // timers of the same instant fire in the order they were added
    SlotId timer;
  };
  struct Later;

  void onEvents(EventMask events) override;
  void makeRoom();
  SlotId insert(Timer timer);
  void push(Timestamp when, SlotId timer);
  void popTop() noexcept;
  void dropStaleTop();
  void sweepStale();
  void removeStale();
  void fire(const Entry& entry);
  void repeat(const Entry& fired, Callback&& callback);
  void erase(SlotId id, const Timer& timer);

  UniqueFd fd_;
  Channel channel_;
  SlotTable<Timer> timers_;
  std::vector<Entry> heap_;
  std::uint64_t nextOrder_ = 0;
  Timestamp armed_ = Timestamp::max();  // what the timerfd is set to
  bool expired_ = false;                // it has fired and must be set anew to fall silent
  Timestamp batchTime_;
  bool firing_ = false;
  bool comesBack_ = false;  // what fires: it has left the heap, but not for good
  bool closed_ = false;
  Counter pending_;  // the size of timers_
  Counter fired_;

  std::atomic<std::uint64_t> nextTicket_{1};
  std::unordered_map<std::uint64_t, SlotId> tickets_;
  std::unordered_set<std::uint64_t> cancelledEarly_;
};

}  // namespace tern
