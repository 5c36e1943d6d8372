// EventLoop: the reactor. One per thread; waits on a poller, and runs callbacks, timers and
// functors.
#pragma once

#include <any>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/base/Counter.h"
#include "tern/net/LoopStats.h"
#include "tern/net/TimerId.h"
#include "tern/poller/PollerSpec.h"

namespace tern {

class Channel;
class LoopWatch;
class TaskQueue;
class TimerQueue;

/// Belongs to the thread that makes it: it is run and destroyed there, and a thread has at most one
/// at a time; breaking that aborts with a sentence. It outlives the channels, connections and
/// servers made on it.
///
/// A turn: wait, dispatch what happened, run functors, then flush what was sent outside of
/// connections' own callbacks.
class EventLoop {
 public:
  using Functor = std::function<void()>;
  using TimerCallback = std::function<void()>;

  /// On the poller asked for; by default TERN_POLLER, or epoll. Throws std::system_error when the
  /// kernel refuses it and std::invalid_argument when TERN_POLLER names none.
  explicit EventLoop(PollerSpec spec = PollerSpec());
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Functors that have not run are destroyed, timers are dropped.
  ~EventLoop();

  /// Runs until quit(). Functors queued before quit() are run before it returns. An exception that
  /// leaves a callback leaves loop(), and loop() can be called again: nothing else is lost.
  void loop();

  /// Makes loop() return after its current turn, or at once when it is called next. Any thread.
  void quit();

  /// When the poller last returned with events.
  [[nodiscard]] Timestamp pollReturnTime() const noexcept;

  /// Runs the functor now when called on the loop's thread, else like queueInLoop(). Any thread.
  void runInLoop(Functor functor);
  /// Runs the functor on the loop's thread after this turn's events; functors of one thread keep
  /// their order. Any thread, also before loop(). Dropped when the loop is gone.
  void queueInLoop(Functor functor);
  /// Functors waiting. Any thread.
  [[nodiscard]] std::size_t queueSize() const;

  /// Timers. Any thread. The callback runs on the loop's thread, never inside the call. Delays are
  /// any chrono duration, saturated; one that is past or negative fires in the next turn. Repeating
  /// timers keep step with their first deadline and skip what they missed; the shortest interval is
  /// 100 microseconds.
  TimerId runAt(Timestamp when, TimerCallback callback);
  TimerId runAfter(Delay delay, TimerCallback callback);
  TimerId runEvery(Delay interval, TimerCallback callback);
  /// The timer does not fire any more; a stale id is ignored. On the loop's thread at once, and
  /// without taking memory for a timer made there; from others as soon as the loop gets to it.
  void cancel(TimerId id);

  /// Before the loop sleeps it looks for events for so long; by default, and for zero or less, not
  /// at all. Waking a thread takes many microseconds: a request that comes while the loop looks is
  /// answered sooner, at the cost of a busy core. Loop thread.
  void setBusyPoll(Delay duration) noexcept { busyPoll_ = duration.value(); }

  /// When one callback of this loop (a connection's, a functor, a timer, a channel's) runs longer
  /// than the bound, at least a millisecond, a warning is logged while it still runs, by another
  /// thread, and one more when it has ended: each says what it is and which thread it holds up.
  /// Zero or less, the default: off. A callback then costs one test more, and otherwise two looks
  /// at the clock; the thread that looks after the loops is one for the process, and there while a
  /// loop has a watchdog. A forked child is to set its own. Throws std::system_error when there is
  /// no thread to be had. Any thread; on the loop's at once, from others as soon as the loop gets
  /// to it.
  void setWatchdog(Delay bound);

  /// Makes the current or the next wait return. Any thread.
  void wakeup();

  /// Any thread.
  [[nodiscard]] bool isInLoopThread() const noexcept;
  /// Aborts with a sentence when called on another thread.
  void assertInLoopThread() const;

  /// Calls task(owner.get()) once at the end of this turn, before the loop waits again. Cheaper
  /// than queueInLoop(): no allocation for the first thousand of a turn. Loop thread.
  void atTurnEnd(std::shared_ptr<void> owner, void (*task)(void*));

  /// For channels of your own. Loop thread.
  [[nodiscard]] Poller& poller() noexcept { return *poller_; }
  /// What was asked, chosen, and why. Any thread.
  [[nodiscard]] const PollerChoice& pollerChoice() const noexcept { return choice_; }

  /// What it was made from, for making more loops like it. Any thread.
  [[nodiscard]] const PollerSpec& pollerSpec() const noexcept { return spec_; }

  /// How many connections are assigned to this loop. Any thread.
  [[nodiscard]] std::size_t connectionCount() const noexcept {
    return connections_.load(std::memory_order_relaxed);
  }
  /// Counts since it was made. A turn counts when its events have been handed out, unless an
  /// exception came in between. Any thread.
  [[nodiscard]] LoopStats stats() const noexcept;
  /// For servers and clients, as they hand connections over. Any thread.
  void connectionAssigned() noexcept { connections_.fetch_add(1, std::memory_order_relaxed); }
  void connectionGone() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }

  /// Anything of the user's, clients included: it ends on the loop's thread, before the loop does.
  /// Loop thread.
  void setContext(std::any context) { context_ = std::move(context); }
  [[nodiscard]] const std::any& getContext() const noexcept { return context_; }
  [[nodiscard]] std::any* getMutableContext() noexcept { return &context_; }

  /// The loop of the calling thread, or nullptr.
  static EventLoop* getEventLoopOfCurrentThread() noexcept;

  /// For connections, which post to the loop from any thread and may outlive it.
  [[nodiscard]] const std::shared_ptr<TaskQueue>& tasks() const noexcept { return tasks_; }

 private:
  struct TurnEndTask {
    std::shared_ptr<void> owner;
    void (*task)(void*);
  };

  enum class Phase : unsigned char { kEvents, kTasks, kTurnEnd };

  void turn();
  void runEvents();
  int waitForEvents();
  int spin();
  void runTurnEndTasks();
  void runEnding();
  [[nodiscard]] bool hasTurnEndTasks() const noexcept;
  void cancelInLoop(TimerId id);
  void watch(Duration bound);
  void unwatch() noexcept;
  TimerId addTimer(Timestamp when, Duration interval, TimerCallback callback);

  const PollerSpec spec_;
  PollerChoice choice_;
  const std::shared_ptr<LoopWatch> watch_;  // the poller knows it
  std::unique_ptr<Poller> poller_;
  std::shared_ptr<TaskQueue> tasks_;
  std::unique_ptr<Channel> wakeChannel_;
  std::unique_ptr<TimerQueue> timers_;
  std::vector<TurnEndTask> turnEnd_;  // of this turn
  std::vector<TurnEndTask> ending_;   // being run; more than that when one of them threw
  std::size_t nextEnding_ = 0;        // the first of those that has not been run
  std::atomic<bool> quit_{false};
  Duration busyPoll_ = Duration::zero();
  bool looping_ = false;
  Phase phase_ = Phase::kEvents;  // what the next turn() begins with
  std::atomic<std::size_t> connections_{0};
  Counter turns_;
  Counter events_;
  Counter mostEvents_;
  std::any context_;
};

}  // namespace tern
