// TimerQueue: the heap, the timerfd, and what callbacks may do to both.
#include "TimerQueue.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "LoopWatch.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

constexpr std::size_t kSweepFrom = 64;
constexpr std::size_t kFirstRoom = 16;

UniqueFd createTimerFd() {
  UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!fd) throwSystemError(errno, "timerfd_create()");
  return fd;
}

// An absolute time of zero would disarm; a time in the past fires at once.
itimerspec toItimerspec(Timestamp when) {
  itimerspec spec{};
  if (when == Timestamp::max()) return spec;
  const Duration since = std::max<Duration>(when.time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  spec.it_value.tv_sec = static_cast<time_t>(seconds.count());
  spec.it_value.tv_nsec = static_cast<long>((since - seconds).count());
  return spec;
}

}  // namespace

struct TimerQueue::Later {
  bool operator()(const Entry& a, const Entry& b) const noexcept {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }
};

TimerQueue::TimerQueue(Poller& poller) : fd_(createTimerFd()), channel_(poller, fd_.get(), *this) {
  channel_.enableReading();
}

TimerQueue::~TimerQueue() = default;

TimerId TimerQueue::reserve() noexcept {
  return TimerId(nextTicket_.fetch_add(1, std::memory_order_relaxed));
}

// For one more in the heap, before anything else is changed.
void TimerQueue::makeRoom() {
  const std::size_t coming = comesBack_ ? 2 : 1;
  if (heap_.size() + coming <= heap_.capacity()) return;
  try {
    heap_.reserve(std::max(2 * heap_.capacity(), kFirstRoom));
  } catch (const std::bad_alloc&) {
    removeStale();
    if (heap_.size() + coming > heap_.capacity()) throw;
  }
}

SlotId TimerQueue::insert(Timer timer) {
  const SlotId id = timers_.insert(std::move(timer));
  ++pending_;
  return id;
}

TimerId TimerQueue::add(Callback callback, Timestamp when, Duration interval) {
  if (closed_) return {};
  makeRoom();
  const SlotId id = insert({std::move(callback), interval, 0});
  push(when, id);
  return TimerId(id);
}

void TimerQueue::add(TimerId reserved, Callback callback, Timestamp when, Duration interval) {
  if (cancelledEarly_.erase(reserved.ticket_) > 0) return;
  makeRoom();
  const auto ticket = tickets_.try_emplace(reserved.ticket_).first;
  try {
    ticket->second = insert({std::move(callback), interval, reserved.ticket_});
  } catch (...) {
    tickets_.erase(ticket);
    throw;
  }
  push(when, ticket->second);
}

bool TimerQueue::cancel(TimerId id) {
  SlotId slot = id.slot_;
  if (id.ticket_ != 0) {
    const auto found = tickets_.find(id.ticket_);
    if (found == tickets_.end()) {
      cancelledEarly_.insert(id.ticket_);
      return false;
    }
    slot = found->second;
  }
  if (const Timer* timer = timers_.find(slot)) {
    erase(slot, *timer);
    sweepStale();
  }
  return true;
}

void TimerQueue::erase(SlotId id, const Timer& timer) {
  if (timer.ticket != 0) tickets_.erase(timer.ticket);
  pending_.subtract(1);
  timers_.erase(id);
}

void TimerQueue::close() {
  closed_ = true;
  std::vector<SlotId> ids;
  timers_.forEach([&ids](SlotId id, const Timer&) { ids.push_back(id); });
  // One by one, with the table whole in between: what a callback holds may cancel when it ends.
  for (const SlotId id : ids) {
    if (const Timer* timer = timers_.find(id)) erase(id, *timer);
  }
  heap_.clear();
}

void TimerQueue::push(Timestamp when, SlotId timer) {
  // What a callback of a batch adds, however early its deadline, comes after that batch: else one
  // that adds itself anew would starve the others.
  if (firing_) when = std::max(when, addSaturated(batchTime_, Duration(1)));
  heap_.push_back({when, nextOrder_++, timer});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

void TimerQueue::popTop() noexcept {
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  heap_.pop_back();
}

void TimerQueue::dropStaleTop() {
  while (!heap_.empty() && timers_.find(heap_.front().timer) == nullptr) popTop();
}

void TimerQueue::sweepStale() {
  if (heap_.size() >= kSweepFrom && heap_.size() >= 2 * timers_.size()) removeStale();
}

void TimerQueue::removeStale() {
  std::erase_if(heap_, [this](const Entry& entry) { return timers_.find(entry.timer) == nullptr; });
  std::make_heap(heap_.begin(), heap_.end(), Later{});
}

void TimerQueue::arm() {
  dropStaleTop();
  const Timestamp earliest = heap_.empty() ? Timestamp::max() : heap_.front().when;
  // Set too early does no harm: it is silenced when it fires. So a cancelled timer costs no call.
  if (!expired_ && earliest >= armed_) return;
  const itimerspec spec = toItimerspec(earliest);
  if (::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) != 0) {
    throwSystemError(errno, "timerfd_settime()");
  }
  armed_ = earliest;
  expired_ = false;
}

void TimerQueue::onEvents(EventMask /*events*/) {
  // Setting the timerfd anew, which arm() does before the next wait, makes it unreadable: no read()
  // is needed.
  expired_ = true;
  struct Firing {
    bool& flag;
    explicit Firing(bool& f) : flag(f) { flag = true; }
    ~Firing() { flag = false; }
  };
  const Firing firing(firing_);
  batchTime_ = Clock::now();
  for (dropStaleTop(); !heap_.empty() && heap_.front().when <= batchTime_; dropStaleTop()) {
    const Entry entry = heap_.front();
    popTop();
    fire(entry);
  }
}

// The callback runs from a local: it may cancel its own timer, or throw.
void TimerQueue::fire(const Entry& entry) {
  ++fired_;
  Timer* timer = timers_.find(entry.timer);
  Callback callback = std::move(timer->callback);
  if (timer->interval == Duration::zero()) {
    erase(entry.timer, *timer);
    LoopWatch::run(LoopWatch::timer, callback);
    return;
  }
  comesBack_ = true;
  try {
    LoopWatch::run(LoopWatch::timer, callback);
  } catch (...) {
    repeat(entry, std::move(callback));
    throw;
  }
  repeat(entry, std::move(callback));
}

// In step with the first deadline: what was missed is skipped. A callback may have cancelled it.
void TimerQueue::repeat(const Entry& fired, Callback&& callback) {
  comesBack_ = false;
  Timer* timer = timers_.find(fired.timer);
  if (timer == nullptr) return;
  timer->callback = std::move(callback);
  const Timestamp now = Clock::now();
  Timestamp next = addSaturated(fired.when, timer->interval);
  if (next <= now) {
    const auto missed = (now - fired.when) / timer->interval;
    next = addSaturated(fired.when + missed * timer->interval, timer->interval);
  }
  push(next, fired.timer);
}

}  // namespace tern
