// TimerCancel: a cancelled timer does not fire, wherever the cancel comes from; a stale id is
// harmless.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>

#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Tracker.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class TimerCancel : public OnEachPoller {
 protected:
  // Runs until a timer added now has fired, and with it all that were due.
  void passDeadlines() {
    bool passed = false;
    loop_.runAfter(2ms, [&passed] { passed = true; });
    runUntil(loop_, [&passed] { return passed; });
  }

  // A member of each test so that callbacks may use it: destroyed after the tests' locals.
  EventLoop loop_{GetParam().spec};
};

TEST_P(TimerCancel, BeforeTheDeadline) {
  Tracker tracker;
  const TimerId oneShot = loop_.runAfter(1ms, tracker.functor());
  const TimerId repeating = loop_.runEvery(1ms, tracker.functor());
  loop_.cancel(oneShot);
  loop_.cancel(repeating);
  // At once, with what it holds.
  EXPECT_EQ(tracker.destroyed(), 2);
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 0);
}

TEST_P(TimerCancel, OfTheDefaultIdDoesNothing) {
  Tracker tracker;
  loop_.runAfter(1ms, tracker.functor());
  loop_.cancel(TimerId());
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 1);
}

TEST_P(TimerCancel, AgainDoesNothing) {
  Tracker tracker;
  const TimerId first = loop_.runAfter(1ms, tracker.functor());
  loop_.cancel(first);
  loop_.runAfter(1ms, tracker.functor());
  loop_.cancel(first);
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 1);
}

TEST_P(TimerCancel, OfItselfInAOneShotCallback) {
  Tracker tracker;
  TimerId id;
  id = loop_.runAfter(0s, [&, run = tracker.functor()] {
    loop_.cancel(id);
    run();  // what it holds lives until it returns
  });
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 1);
  EXPECT_EQ(tracker.destroyed(), 1);
}

TEST_P(TimerCancel, OfItselfInARepeatingCallback) {
  Tracker tracker;
  TimerId id;
  int calls = 0;
  id = loop_.runEvery(100us, [&, run = tracker.functor()] {
    run();
    if (++calls == 3) {
      loop_.cancel(id);
      run();
    }
  });
  runUntil(loop_, [&] { return calls == 3; });
  passDeadlines();
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(tracker.ran(), 4);
  EXPECT_EQ(tracker.destroyed(), 1);
}

TEST_P(TimerCancel, OfASiblingThatExpiredInTheSameBatch) {
  const Timestamp when = Clock::now();
  Tracker tracker;
  TimerId sibling;
  TimerId repeating;
  loop_.runAt(when, [&] {
    loop_.cancel(sibling);
    loop_.cancel(repeating);
  });
  sibling = loop_.runAt(when, tracker.functor());
  repeating = loop_.runEvery(1ns, tracker.functor());
  // Both are due by now, or cancelled before they are: neither way may they fire.
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 2);
}

TEST_P(TimerCancel, OfASiblingThatHasFiredIsHarmless) {
  const Timestamp when = Clock::now();
  Tracker tracker;
  const TimerId first = loop_.runAt(when, tracker.functor());
  loop_.runAt(when, [&] { loop_.cancel(first); });
  loop_.runAt(when, tracker.functor());
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 2);
}

TEST_P(TimerCancel, OfEachOtherLeavesOne) {
  const Timestamp when = Clock::now();
  std::vector<TimerId> ids;
  int fired = 0;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(loop_.runAt(when, [&] {
      ++fired;
      for (const TimerId id : ids) loop_.cancel(id);
    }));
  }
  passDeadlines();
  EXPECT_EQ(fired, 1);
}

TEST_P(TimerCancel, OfAStaleIdNeverHitsANewerTimer) {
  Tracker tracker;
  std::vector<TimerId> stale;
  // Spent and cancelled ones leave their places to the newer.
  for (int i = 0; i < 100; ++i) stale.push_back(loop_.runAfter(0s, [] {}));
  for (int i = 0; i < 100; ++i) {
    stale.push_back(loop_.runAfter(1h, [] {}));
    loop_.cancel(stale.back());
  }
  passDeadlines();
  for (int i = 0; i < 200; ++i) {
    const TimerId fresh = loop_.runAfter(1ms, tracker.functor());
    for (const TimerId id : stale) ASSERT_FALSE(id == fresh);
  }
  for (const TimerId id : stale) loop_.cancel(id);
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 200);
}

TEST_P(TimerCancel, AndAddInACallbackMayReuseItsOwnPlace) {
  Tracker tracker;
  TimerId id;
  id = loop_.runEvery(100us, [&] {
    const TimerId own = id;
    loop_.cancel(own);
    loop_.runAfter(0s, tracker.functor());
    loop_.cancel(own);
  });
  runUntil(loop_, [&] { return tracker.ran() == 1; });
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 1);
}

TEST_P(TimerCancel, InTheDestructorOfACapture) {
  Tracker tracker;
  const TimerId victim = loop_.runAfter(1ms, tracker.functor());
  loop_.runAfter(0s, [end = AtEnd([&, victim] { loop_.cancel(victim); })] {});
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 0);
  // And one whose end is a cancel.
  const TimerId another = loop_.runAfter(1ms, tracker.functor());
  const TimerId holder =
      loop_.runAfter(1h, [end = AtEnd([&, another] { loop_.cancel(another); })] {});
  loop_.cancel(holder);
  passDeadlines();
  EXPECT_EQ(tracker.ran(), 0);
}

TEST_P(TimerCancel, TheDestructorOfACaptureMayAdd) {
  Tracker tracker;
  const TimerId id =
      loop_.runAfter(1h, [end = AtEnd([&] { loop_.runAfter(0s, tracker.functor()); })] {});
  loop_.cancel(id);
  loop_.runAfter(0s, [end = AtEnd([&] { loop_.runAfter(0s, tracker.functor()); })] {});
  runUntil(loop_, [&] { return tracker.ran() == 2; });
}

TEST_P(TimerCancel, AHundredThousandTimers) {
  constexpr int kCount = 100'000;
  std::minstd_rand random(1);
  std::vector<TimerId> ids;
  ids.reserve(kCount);
  int fired = 0;
  for (int i = 0; i < kCount; ++i) {
    ids.push_back(loop_.runAfter(std::chrono::microseconds(random() % 20'000), [&] { ++fired; }));
  }
  int cancelled = 0;
  for (int i = 0; i < kCount; ++i) {
    if (random() % 10 == 0) continue;
    loop_.cancel(ids[static_cast<std::size_t>(i)]);
    ++cancelled;
  }
  runUntil(loop_, [&] { return fired == kCount - cancelled; });
  passDeadlines();
  EXPECT_EQ(fired, kCount - cancelled);
}

TEST_P(TimerCancel, OfManyThatNeverExpireCostsNoMemoryForEver) {
  // A request's time-out, added and cancelled for each request: were the dead ones kept until their
  // deadline, this would take longer and longer.
  for (int i = 0; i < 300'000; ++i) loop_.cancel(loop_.runAfter(1h, [] {}));
  passDeadlines();
}

class TimerEnds : public OnEachPoller {};

TEST_P(TimerEnds, TimersAreDroppedWithTheirLoop) {
  Tracker tracker;
  {
    EventLoop loop(GetParam().spec);
    loop.runAfter(0s, tracker.functor());
    loop.runAfter(1h, tracker.functor());
    loop.runEvery(1ms, tracker.functor());
  }
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 3);
}

TEST_P(TimerEnds, ACaptureMayCancelOrAddWhileTheLoopEnds) {
  Tracker tracker;
  {
    auto loop = std::make_unique<EventLoop>(GetParam().spec);
    EventLoop* ending = loop.get();
    std::vector<TimerId> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(loop->runAfter(1h, tracker.functor()));
    loop->runAfter(1h, [end = AtEnd([ending, ids] {
                          for (const TimerId id : ids) ending->cancel(id);
                        })] {});
    loop->runAfter(1h, [end = AtEnd([ending, &tracker] {
                          ending->runAfter(0s, tracker.functor());
                          ending->runEvery(1ms, tracker.functor());
                        })] {});
    for (int i = 0; i < 10; ++i) loop->runAfter(1h, tracker.functor());
    loop.reset();
  }
  EXPECT_EQ(tracker.made(), 22);
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 22);
}

TEST_P(TimerEnds, WhatACaptureAddsWhileTheLoopEndsMayCallBackAsWell) {
  Tracker tracker;
  {
    auto loop = std::make_unique<EventLoop>(GetParam().spec);
    EventLoop* ending = loop.get();
    // Its end adds a timer, whose end adds and cancels timers.
    const auto last = [ending, &tracker] {
      const TimerId id = ending->runAfter(1h, tracker.functor());
      ending->cancel(id);
      ending->runAfter(1h, tracker.functor());
    };
    loop->runAfter(
        1h, [end = AtEnd([ending, last] { ending->runAfter(1h, [inner = AtEnd(last)] {}); })] {});
    // In a later place than what is added.
    for (int i = 0; i < 100; ++i) loop->runAfter(1h, tracker.functor());
    loop.reset();
  }
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), tracker.made());
}

TERN_ON_EACH_POLLER(TimerCancel);
TERN_ON_EACH_POLLER(TimerEnds);

}  // namespace
}  // namespace tern::testing
