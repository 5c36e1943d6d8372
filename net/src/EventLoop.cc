// EventLoop: the turn, and the doors into it.
#include "tern/net/EventLoop.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "LoopWatch.h"
#include "TaskQueue.h"
#include "TimerQueue.h"
#include "Watchdog.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/poller/Channel.h"

namespace tern {
namespace {

constinit thread_local EventLoop* tLoop = nullptr;

constexpr int kLastRounds = 1000;
// As many connections as end in a turn, or nearly: they must not need memory for that.
constexpr std::size_t kTurnEndRoom = 1024;
constexpr Duration kShortestWatch = std::chrono::milliseconds(1);

}  // namespace

EventLoop::EventLoop(PollerSpec spec)
    : spec_(std::move(spec)), watch_(std::make_shared<LoopWatch>()) {
  if (tLoop != nullptr) {
    contractViolation(
        "a second EventLoop was made on a thread that has one; a thread runs one loop");
  }
  PollerSpec::Made made = spec_.make();
  choice_ = std::move(made.choice);
  poller_ = std::move(made.poller);
  tasks_ = std::make_shared<TaskQueue>(*this);
  wakeChannel_ = std::make_unique<Channel>(*poller_, tasks_->wakeFd());
  wakeChannel_->setReadCallback([this](Timestamp) { tasks_->drainWakeFd(); });
  wakeChannel_->enableReading();
  timers_ = std::make_unique<TimerQueue>(*poller_);
  turnEnd_.reserve(kTurnEndRoom);
  ending_.reserve(kTurnEndRoom);
  tLoop = this;
}

EventLoop::~EventLoop() {
  tasks_->thread().require("~EventLoop");
  if (looping_) contractViolation("an EventLoop was destroyed from within its own loop()");
  // All may hold objects whose ends come back here; functors they queue are refused by then.
  tasks_->close();
  timers_->close();
  context_.reset();
  // A task that adds itself for ever must not keep the loop from its end.
  for (int rounds = 0; hasTurnEndTasks() && rounds < kLastRounds; ++rounds) {
    try {
      runTurnEndTasks();
    } catch (const std::exception& error) {
      log(LogLevel::kError,
          [&] { return std::string("a callback threw while its loop ended: ") + error.what(); });
    } catch (...) {
      log(LogLevel::kError, "a callback threw while its loop ended");
    }
  }
  unwatch();
  tLoop = nullptr;
}

void EventLoop::loop() {
  tasks_->thread().require("EventLoop::loop");
  if (looping_) contractViolation("EventLoop::loop() was called from within itself");
  struct Looping {
    bool& flag;
    explicit Looping(bool& f) : flag(f) { flag = true; }
    ~Looping() { flag = false; }
  };
  const Looping looping(looping_);
  while (!quit_.load(std::memory_order_acquire)) turn();
  // What was queued before quit() shall have run, and what it sent shall have left.
  tasks_->run(TaskQueue::kAll);
  runTurnEndTasks();
  poller_->flush();
  // Seen by all before this returns: a store that is still on its way would undo a quit() that
  // begins after that, and is for the next loop().
  quit_.store(false, std::memory_order_seq_cst);
}

// A phase that throws is over: the next call goes on with the one behind it. So a callback that
// throws each time, as a peer may provoke, keeps neither functors nor flushes from their turn.
void EventLoop::turn() {
  if (phase_ == Phase::kEvents) {
    phase_ = Phase::kTasks;
    runEvents();
  }
  if (phase_ == Phase::kTasks) {
    phase_ = Phase::kTurnEnd;
    tasks_->run(TaskQueue::kPerTurn);
  }
  phase_ = Phase::kEvents;
  runTurnEndTasks();
}

// How many events there were; fewer than none: nothing happened at all. Other threads find the loop
// awake, and write to no eventfd.
int EventLoop::spin() {
  const Timestamp end = addSaturated(Clock::now(), busyPoll_);
  do {
    const int events = poller_->runOnce(Duration::zero());
    if (events > 0 || tasks_->wanted()) return events;
  } while (Clock::now() < end);
  return -1;
}

void EventLoop::runEvents() {
  const auto events = static_cast<std::uint64_t>(waitForEvents());
  ++turns_;
  events_.add(events);
  mostEvents_.raiseTo(events);
}

int EventLoop::waitForEvents() {
  struct Awake {
    TaskQueue& tasks;
    ~Awake() { tasks.awake(); }
  };
  const bool idle = !hasTurnEndTasks() && !tasks_->hasWork();
  timers_->arm();
  const Awake awake{*tasks_};
  if (idle && busyPoll_ > Duration::zero()) {
    if (const int events = spin(); events >= 0) return events;
  }
  const bool sleeps = idle && tasks_->prepareToSleep();
  return poller_->runOnce(sleeps ? kForever : Duration::zero());
}

// What these add belongs to the next turn, which will not wait. Nothing here takes memory: it is
// there since the loop was made.
void EventLoop::runTurnEndTasks() {
  runEnding();  // those behind one that threw
  ending_.clear();
  nextEnding_ = 0;
  ending_.swap(turnEnd_);
  runEnding();
}

void EventLoop::runEnding() {
  while (nextEnding_ < ending_.size()) {
    // Out of the vector first: the task may throw, and then it is done nevertheless.
    const TurnEndTask entry = std::move(ending_[nextEnding_++]);
    LoopWatch::run(LoopWatch::turnEnd, [&entry] { entry.task(entry.owner.get()); });
  }
}

bool EventLoop::hasTurnEndTasks() const noexcept {
  return !turnEnd_.empty() || nextEnding_ < ending_.size();
}

void EventLoop::atTurnEnd(std::shared_ptr<void> owner, void (*task)(void*)) {
  assertInLoopThread();
  turnEnd_.push_back({std::move(owner), task});
}

void EventLoop::quit() {
  quit_.store(true, std::memory_order_seq_cst);
  tasks_->wake();
}

void EventLoop::setWatchdog(Delay bound) {
  runInLoop([this, duration = bound.value()] {
    unwatch();
    if (duration > Duration::zero()) watch(std::max(duration, kShortestWatch));
  });
}

void EventLoop::watch(Duration bound) {
  watch_->enable(bound);
  try {
    Watchdog::add(watch_);
  } catch (...) {
    watch_->disable();
    throw;
  }
  poller_->setObserver(watch_.get());
}

void EventLoop::unwatch() noexcept {
  if (LoopWatch::ofThisThread() == nullptr) return;
  poller_->setObserver(nullptr);
  watch_->disable();
  Watchdog::remove(*watch_);
}

void EventLoop::wakeup() { tasks_->wake(); }

Timestamp EventLoop::pollReturnTime() const noexcept { return poller_->returnTime(); }

void EventLoop::runInLoop(Functor functor) {
  if (isInLoopThread()) {
    functor();
  } else {
    queueInLoop(std::move(functor));
  }
}

void EventLoop::queueInLoop(Functor functor) { tasks_->post(std::move(functor)); }

std::size_t EventLoop::queueSize() const { return tasks_->size(); }

LoopStats EventLoop::stats() const noexcept {
  LoopStats stats;
  stats.turns = turns_.value();
  stats.events = events_.value();
  stats.mostEvents = mostEvents_.value();
  stats.functorsRun = tasks_->ran();
  stats.functorsWaiting = tasks_->size();
  stats.timersFired = timers_->fired();
  stats.timersPending = timers_->size();
  stats.connections = connectionCount();
  stats.longestCallback = watch_->longest();
  stats.poller = poller_->stats();
  return stats;
}

bool EventLoop::isInLoopThread() const noexcept { return tasks_->isLoopThread(); }

void EventLoop::assertInLoopThread() const { tasks_->thread().require("a loop's method"); }

TimerId EventLoop::addTimer(Timestamp when, Duration interval, TimerCallback callback) {
  if (isInLoopThread()) return timers_->add(std::move(callback), when, interval);
  // The id is made here: by the time the loop sees the timer, it may have fired and gone.
  const TimerId id = timers_->reserve();
  queueInLoop([this, id, when, interval, callback = std::move(callback)]() mutable {
    timers_->add(id, std::move(callback), when, interval);
  });
  return id;
}

TimerId EventLoop::runAt(Timestamp when, TimerCallback callback) {
  return addTimer(when, Duration::zero(), std::move(callback));
}

TimerId EventLoop::runAfter(Delay delay, TimerCallback callback) {
  return addTimer(addSaturated(Clock::now(), delay.value()), Duration::zero(), std::move(callback));
}

TimerId EventLoop::runEvery(Delay interval, TimerCallback callback) {
  const Duration step = std::max(interval.value(), TimerQueue::kShortestInterval);
  return addTimer(addSaturated(Clock::now(), step), step, std::move(callback));
}

// Without a functor on the loop's thread: that would take memory, which destructors that cancel
// must not need.
void EventLoop::cancel(TimerId id) {
  if (isInLoopThread()) {
    cancelInLoop(id);
  } else {
    queueInLoop([this, id] { cancelInLoop(id); });
  }
}

// A ticket unknown here was added by a thread whose functor is still queued, or is spent: once what
// is queued now has run, it is spent in any case.
void EventLoop::cancelInLoop(TimerId id) {
  if (!timers_->cancel(id)) queueInLoop([this, id] { timers_->forgetTicket(id); });
}

EventLoop* EventLoop::getEventLoopOfCurrentThread() noexcept { return tLoop; }

}  // namespace tern
