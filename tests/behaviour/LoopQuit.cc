// LoopQuit: quit() is never lost, and what was queued around it is run or destroyed exactly once.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Tracker.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopQuit : public OnEachPoller {};

TEST_P(LoopQuit, QuitBeforeLoopMakesItReturnAtOnce) {
  EventLoop loop(GetParam().spec);
  loop.quit();
  run(loop);
}

TEST_P(LoopQuit, QuitBeforeLoopCountsForOneLoopOnly) {
  EventLoop loop(GetParam().spec);
  loop.quit();
  loop.quit();
  run(loop);
  // Were a quit left over, the chain would be cut.
  int turns = 0;
  std::function<void()> next = [&] {
    if (++turns == 5) {
      loop.quit();
    } else {
      loop.queueInLoop([&next] { next(); });
    }
  };
  loop.queueInLoop([&next] { next(); });
  run(loop);
  EXPECT_EQ(turns, 5);
}

TEST_P(LoopQuit, QuitBeforeLoopStillRunsWhatWasQueued) {
  EventLoop loop(GetParam().spec);
  Tracker tracker;
  for (int i = 0; i < 3000; ++i) loop.queueInLoop(tracker.functor());
  loop.quit();
  run(loop);
  EXPECT_EQ(tracker.ran(), 3000);
  EXPECT_EQ(tracker.destroyed(), 3000);
}

TEST_P(LoopQuit, FromAnotherThread) {
  EventLoop loop(GetParam().spec);
  std::thread other([&loop] { loop.quit(); });
  run(loop);
  other.join();
}

TEST_P(LoopQuit, FromAFunctorTheOthersOfTheBatchStillRun) {
  EventLoop loop(GetParam().spec);
  Tracker tracker;
  loop.queueInLoop(tracker.functor());
  loop.queueInLoop([&loop] { loop.quit(); });
  loop.queueInLoop(tracker.functor());
  run(loop);
  EXPECT_EQ(tracker.ran(), 2);
}

TEST_P(LoopQuit, FromATimer) {
  EventLoop loop(GetParam().spec);
  bool fired = false;
  loop.runAfter(0s, [&] {
    fired = true;
    loop.quit();
  });
  run(loop);
  EXPECT_TRUE(fired);
}

TEST_P(LoopQuit, FromAChannelCallback) {
  EventLoop loop(GetParam().spec);
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop.poller(), fd.get());
  int calls = 0;
  channel.setReadCallback([&](Timestamp) {
    ++calls;
    loop.quit();
  });
  channel.enableReading();
  run(loop);
  EXPECT_EQ(calls, 1);
}

TEST_P(LoopQuit, FromATurnEndTask) {
  EventLoop loop(GetParam().spec);
  loop.atTurnEnd(std::shared_ptr<void>(&loop, [](void*) {}),
                 [](void* quitting) { static_cast<EventLoop*>(quitting)->quit(); });
  run(loop);
}

TEST_P(LoopQuit, LoopRunsAgainAfterQuit) {
  EventLoop loop(GetParam().spec);
  for (int round = 0; round < 10; ++round) {
    bool ran = false;
    loop.queueInLoop([&] {
      ran = true;
      loop.quit();
    });
    run(loop);
    EXPECT_TRUE(ran);
  }
}

TEST_P(LoopQuit, FunctorsQueuedBeforeQuitRunBeforeLoopReturns) {
  EventLoop loop(GetParam().spec);
  constexpr int kRounds = 2000;
  std::atomic<int> allowed{0};
  int ran = 0;
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (int now = allowed; now < round; now = allowed) allowed.wait(now);
      loop.queueInLoop([&ran] { ++ran; });
      loop.quit();
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    allowed = round;
    allowed.notify_one();
    run(loop);
    EXPECT_EQ(ran, round);
    if (HasFailure()) break;
  }
  if (HasFailure()) {
    allowed = kRounds;
    allowed.notify_one();
  }
  other.join();
}

TEST_P(LoopQuit, FunctorsQueuedAroundQuitRunOrAreDestroyedExactlyOnce) {
  Tracker tracker;
  {
    EventLoop loop(GetParam().spec);
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    others.reserve(3);
    for (int i = 0; i < 3; ++i) {
      others.emplace_back([&] {
        for (int n = 0; n < 5000 && !stop; ++n) {
          loop.queueInLoop(tracker.functor());
          if (n % 50 == 0) loop.quit();
        }
      });
    }
    for (int round = 0; round < 100; ++round) {
      loop.runAfter(1ms, [&loop] { loop.quit(); });
      run(loop);
    }
    stop = true;
    for (std::thread& other : others) other.join();
  }
  EXPECT_EQ(tracker.destroyed(), tracker.made());
  EXPECT_LE(tracker.ran(), tracker.made());
}

TEST_P(LoopQuit, WhatIsQueuedAfterQuitWaitsForTheNextLoop) {
  EventLoop loop(GetParam().spec);
  Tracker tracker;
  loop.queueInLoop([&] {
    loop.quit();
    loop.queueInLoop([&] { loop.queueInLoop(tracker.functor()); });
  });
  run(loop);
  EXPECT_EQ(tracker.ran(), 0);
  runTurns(loop, 2);
  EXPECT_EQ(tracker.ran(), 1);
  EXPECT_EQ(tracker.destroyed(), 1);
}

TEST_P(LoopQuit, FunctorsThatNeverRanAreDestroyedWithTheLoop) {
  Tracker tracker;
  {
    EventLoop loop(GetParam().spec);
    for (int i = 0; i < 10; ++i) loop.queueInLoop(tracker.functor());
  }
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 10);
}

TERN_ON_EACH_POLLER(LoopQuit);

}  // namespace
}  // namespace tern::testing
