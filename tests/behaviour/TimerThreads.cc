// TimerThreads: timers added and cancelled from threads other than the loop's.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/ServerFixture.h"
#include "support/Tracker.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class TimerThreads : public OnEachPoller {
 protected:
  // On another thread, which has ended when this returns.
  template <class Call>
  static void elsewhere(Call&& call) {
    std::thread(std::forward<Call>(call)).join();
  }
  // Runs until what was due has fired.
  void passDeadlines() {
    bool passed = false;
    loop_.runAfter(2ms, [&passed] { passed = true; });
    runUntil(loop_, [&passed] { return passed; });
  }

  Tracker tracker_;
  EventLoop loop_{GetParam().spec};
};

TEST_P(TimerThreads, AnAddedTimerFiresOnTheLoopsThread) {
  std::vector<int> fired;
  elsewhere([&] {
    loop_.runAfter(0s, [&] {
      EXPECT_TRUE(loop_.isInLoopThread());
      fired.push_back(1);
    });
    loop_.runAt(Clock::now() + 1ms, [&] { fired.push_back(2); });
    loop_.runEvery(4ms, [&] { fired.push_back(3); });
  });
  EXPECT_TRUE(fired.empty());
  runUntil(loop_, [&] { return fired.size() >= 4; });
  fired.resize(4);
  EXPECT_EQ(fired, (std::vector<int>{1, 2, 3, 3}));
}

TEST_P(TimerThreads, AnAddedTimerIsNotEarly) {
  bool fired = false;
  elsewhere([&] {
    const Timestamp due = Clock::now() + 3ms;
    loop_.runAfter(3ms, [&fired, due] {
      EXPECT_GE(Clock::now(), due);
      fired = true;
    });
  });
  runUntil(loop_, [&] { return fired; });
}

TEST_P(TimerThreads, ATimerIsCancelledByTheThreadThatAddedIt) {
  elsewhere([&] {
    loop_.cancel(loop_.runAfter(1h, tracker_.functor()));
    loop_.cancel(loop_.runEvery(1h, tracker_.functor()));
  });
  runUntil(loop_, [&] { return tracker_.destroyed() == 2; });
  EXPECT_EQ(tracker_.ran(), 0);
}

TEST_P(TimerThreads, ATimerOfTheLoopIsCancelledByAnotherThread) {
  const TimerId id = loop_.runEvery(1h, tracker_.functor());
  elsewhere([&] { loop_.cancel(id); });
  runUntil(loop_, [&] { return tracker_.destroyed() == 1; });
  EXPECT_EQ(tracker_.ran(), 0);
}

TEST_P(TimerThreads, ATimerOfAnotherThreadIsCancelledByTheLoop) {
  TimerId id;
  elsewhere([&] { id = loop_.runAfter(1h, tracker_.functor()); });
  runTurns(loop_, 2);
  EXPECT_EQ(tracker_.destroyed(), 0);
  loop_.cancel(id);
  EXPECT_EQ(tracker_.destroyed(), 1);
  passDeadlines();
  EXPECT_EQ(tracker_.ran(), 0);
}

TEST_P(TimerThreads, ATimerWhoseAddIsStillQueuedIsCancelledByTheLoop) {
  loop_.queueInLoop([&] {
    TimerId due;
    TimerId later;
    TimerId repeating;
    elsewhere([&] {
      due = loop_.runAfter(0s, tracker_.functor());
      later = loop_.runAfter(1ms, tracker_.functor());
      repeating = loop_.runEvery(1ms, tracker_.functor());
    });
    loop_.cancel(due);
    loop_.cancel(later);
    loop_.cancel(repeating);
  });
  runTurns(loop_, 3);
  passDeadlines();
  EXPECT_EQ(tracker_.ran(), 0);
  EXPECT_EQ(tracker_.destroyed(), 3);
}

TEST_P(TimerThreads, ACancelThatComesBeforeTheLoopRunsIsKept) {
  TimerId id;
  elsewhere([&] { id = loop_.runAfter(0s, tracker_.functor()); });
  loop_.cancel(id);
  passDeadlines();
  EXPECT_EQ(tracker_.ran(), 0);
  EXPECT_EQ(tracker_.destroyed(), 1);
}

TEST_P(TimerThreads, TheIdOfASpentTimerIsHarmless) {
  std::vector<TimerId> ids;
  elsewhere([&] {
    for (int i = 0; i < 50; ++i) ids.push_back(loop_.runAfter(0s, tracker_.functor()));
  });
  runUntil(loop_, [&] { return tracker_.ran() == 50; });
  for (int i = 0; i < 50; ++i) loop_.runAfter(1ms, tracker_.functor());
  elsewhere([&] {
    for (int i = 0; i < 50; ++i) loop_.runAfter(1ms, tracker_.functor());
    for (const TimerId id : ids) loop_.cancel(id);
  });
  for (const TimerId id : ids) loop_.cancel(id);
  runUntil(loop_, [&] { return tracker_.ran() == 150; });
}

TEST_P(TimerThreads, ATimerOfAnotherThreadMayCancelItself) {
  Mailbox<TimerId> id;
  int calls = 0;
  elsewhere([&] {
    id.put(loop_.runEvery(100us, [&] {
      if (++calls == 3) loop_.cancel(id.take());
    }));
  });
  runUntil(loop_, [&] { return calls == 3; });
  passDeadlines();
  EXPECT_EQ(calls, 3);
}

TEST_P(TimerThreads, ManyThreadsAddAndCancelAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::atomic<int> kept{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        if ((i + thread) % 3 == 0) {
          loop_.runAfter(std::chrono::microseconds(i % 100), tracker_.functor());
          ++kept;
        } else {
          loop_.cancel(loop_.runAfter(1h, [] { ADD_FAILURE() << "a cancelled timer fired"; }));
        }
      }
    });
  }
  std::atomic<bool> ended{false};
  std::thread joiner([&] {
    for (std::thread& thread : threads) thread.join();
    ended = true;
  });
  runUntil(loop_, [&] { return ended && tracker_.ran() == kept; });
  joiner.join();
  EXPECT_EQ(tracker_.destroyed(), tracker_.made());
}

TEST_P(TimerThreads, TimersWhoseAddsAreQueuedAreDroppedWithTheLoop) {
  Tracker tracker;
  {
    Mailbox<EventLoop*> made;
    Mailbox<int> added;
    std::thread owner([&] {
      EventLoop loop(GetParam().spec);
      made.put(&loop);
      added.take();
    });
    EventLoop* loop = made.take();
    loop->runAfter(0s, tracker.functor());
    loop->cancel(loop->runEvery(1ms, tracker.functor()));
    added.put(1);
    owner.join();
  }
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 2);
}

TERN_ON_EACH_POLLER(TimerThreads);

}  // namespace
}  // namespace tern::testing
