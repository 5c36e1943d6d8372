// LoopFunctors: what is queued into a loop runs there, in order, soon, and starves nobody.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/ServerFixture.h"
#include "support/Tracker.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopFunctors : public OnEachPoller {
 protected:
  // Reads and discards, so that it is called once for each write.
  void countReads(Channel& channel, const UniqueFd& fd, int& reads) {
    channel.setReadCallback([&fd, &reads](Timestamp) {
      readFrom(fd);
      ++reads;
    });
    channel.enableReading();
  }

  EventLoop loop_{GetParam().spec};
};

TEST_P(LoopFunctors, QueuedBeforeLoopRunInTheFirstTurnWithoutDelay) {
  bool ran = false;
  loop_.queueInLoop([&] {
    ran = true;
    loop_.quit();
  });
  run(loop_);  // fails when only the net ends it
  EXPECT_TRUE(ran);
}

TEST_P(LoopFunctors, QueuedByAnotherThreadBeforeLoopRunInTheFirstTurnWithoutDelay) {
  std::thread([this] { loop_.queueInLoop([this] { loop_.quit(); }); }).join();
  run(loop_);
}

TEST_P(LoopFunctors, RunInLoopRunsAtOnceOnTheLoopsThread) {
  bool ran = false;
  loop_.runInLoop([&] { ran = true; });
  EXPECT_TRUE(ran);
  ran = false;
  loop_.queueInLoop([&] {
    loop_.runInLoop([&] { ran = true; });
    EXPECT_TRUE(ran);
    loop_.quit();
  });
  run(loop_);
}

TEST_P(LoopFunctors, RunInLoopFromAnotherThreadRunsOnTheLoops) {
  std::thread::id ranOn;
  std::thread([&] {
    EXPECT_FALSE(loop_.isInLoopThread());
    loop_.runInLoop([&] {
      EXPECT_TRUE(loop_.isInLoopThread());
      ranOn = std::this_thread::get_id();
      loop_.quit();
    });
  }).join();
  EXPECT_EQ(ranOn, std::thread::id());
  run(loop_);
  EXPECT_EQ(ranOn, std::this_thread::get_id());
}

TEST_P(LoopFunctors, OfOneThreadKeepTheirOrder) {
  constexpr int kThreads = 3;
  constexpr int kEach = 5000;
  std::vector<int> last(kThreads, 0);
  int total = 0;
  bool ordered = true;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 1; i <= kEach; ++i) {
        loop_.queueInLoop([&, thread, i] {
          int& before = last[static_cast<std::size_t>(thread)];
          if (i != before + 1) ordered = false;
          before = i;
          ++total;
        });
      }
    });
  }
  runUntil(loop_, [&] { return total == kThreads * kEach; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ordered);
}

TEST_P(LoopFunctors, QueuedInAFunctorRunsInALaterTurn) {
  std::vector<std::string> order;
  loop_.queueInLoop([&] {
    loop_.queueInLoop([&] { order.emplace_back("queued inside"); });
    order.emplace_back("first");
  });
  loop_.queueInLoop([&] { order.emplace_back("second"); });
  runTurns(loop_, 3);
  EXPECT_EQ(order, (std::vector<std::string>{"first", "second", "queued inside"}));
}

TEST_P(LoopFunctors, AFunctorThatRequeuesItselfStarvesNeitherChannelsNorTimers) {
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int reads = 0;
  countReads(channel, pipe.reader, reads);
  int ticks = 0;
  loop_.runEvery(1ms, [&] { ++ticks; });
  bool more = true;
  std::function<void()> again = [&] {
    if (more) loop_.queueInLoop([&again] { again(); });
  };
  again();
  for (int i = 1; i <= 3; ++i) {
    writeTo(pipe.writer, "x");
    runUntil(loop_, [&] { return reads == i && ticks > i; });
  }
  more = false;
  runTurns(loop_, 2);
}

TEST_P(LoopFunctors, AFloodOfFunctorsIsInterruptedForChannels) {
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  constexpr int kFlood = 20'000;
  int ran = 0;
  int ranBeforeRead = -1;
  channel.setReadCallback([&](Timestamp) {
    readFrom(pipe.reader);
    ranBeforeRead = ran;
  });
  channel.enableReading();
  for (int i = 0; i < kFlood; ++i) {
    loop_.queueInLoop([&] {
      if (++ran == 1) writeTo(pipe.writer, "x");
      if (ran == kFlood) loop_.quit();
    });
  }
  run(loop_);
  EXPECT_EQ(ran, kFlood);
  EXPECT_GT(ranBeforeRead, 0);
  EXPECT_LT(ranBeforeRead, kFlood);
}

TEST_P(LoopFunctors, QueueSizeCountsThoseThatWait) {
  EXPECT_EQ(loop_.queueSize(), 0U);
  for (int i = 0; i < 5; ++i) loop_.queueInLoop([] {});
  EXPECT_EQ(loop_.queueSize(), 5U);
  runTurns(loop_, 2);
  EXPECT_EQ(loop_.queueSize(), 0U);
}

TEST_P(LoopFunctors, QueueSizeInsideAFunctorCountsThoseBehindIt) {
  std::vector<std::size_t> waiting;
  for (int i = 0; i < 3; ++i) loop_.queueInLoop([&] { waiting.push_back(loop_.queueSize()); });
  loop_.quit();
  run(loop_);
  EXPECT_EQ(waiting, (std::vector<std::size_t>{2, 1, 0}));
}

TEST_P(LoopFunctors, AFunctorIsDestroyedAsSoonAsItRan) {
  Tracker tracker;
  loop_.queueInLoop(tracker.functor());
  int destroyedBeforeNext = -1;
  loop_.queueInLoop([&] { destroyedBeforeNext = tracker.destroyed(); });
  loop_.quit();
  run(loop_);
  EXPECT_EQ(destroyedBeforeNext, 1);
}

TEST_P(LoopFunctors, ACaptureMayPostWhenItIsDestroyed) {
  Tracker tracker;
  loop_.queueInLoop([end = AtEnd([&] { loop_.queueInLoop(tracker.functor()); })] {});
  runTurns(loop_, 3);
  EXPECT_EQ(tracker.ran(), 1);
  EXPECT_EQ(tracker.destroyed(), 1);
}

TEST_P(LoopFunctors, ACaptureThatPostsWhileTheLoopEndsIsRefusedNotRun) {
  Tracker tracker;
  {
    EventLoop* ending = nullptr;
    std::thread([&] {
      EventLoop loop(GetParam().spec);
      ending = &loop;
      loop.queueInLoop([end = AtEnd([&] { ending->queueInLoop(tracker.functor()); })] {});
      loop.queueInLoop(tracker.functor());
    }).join();
  }
  EXPECT_EQ(tracker.made(), 2);
  EXPECT_EQ(tracker.ran(), 0);
  EXPECT_EQ(tracker.destroyed(), 2);
}

TEST_P(LoopFunctors, TheLoopOfTheCurrentThreadIsKnownOnlyThere) {
  EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), &loop_);
  std::thread([] {
    EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), nullptr);
    {
      EventLoop own(GetParam().spec);
      EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), &own);
    }
    EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), nullptr);
  }).join();
}

TEST_P(LoopFunctors, OneThreadMayHaveOneLoopAfterTheOther) {
  std::thread([] {
    for (int i = 0; i < 3; ++i) {
      EventLoop own(GetParam().spec);
      own.queueInLoop([&own] { own.quit(); });
      own.loop();
    }
  }).join();
}

TEST_P(LoopFunctors, TheContextIsTheUsers) {
  loop_.setContext(std::string("mine"));
  EXPECT_EQ(std::any_cast<std::string>(loop_.getContext()), "mine");
  *std::any_cast<std::string>(loop_.getMutableContext()) += "!";
  EXPECT_EQ(std::any_cast<std::string>(loop_.getContext()), "mine!");
}

TEST_P(LoopFunctors, PollReturnTimeIsWhenTheBatchBegan) {
  const Timestamp before = Clock::now();
  std::vector<Timestamp> told;
  const UniqueFd one = makeEventFd(1);
  const UniqueFd other = makeEventFd(1);
  Channel first(loop_.poller(), one.get());
  Channel second(loop_.poller(), other.get());
  for (Channel* channel : {&first, &second}) {
    channel->setReadCallback([&told, channel, this](Timestamp when) {
      EXPECT_EQ(when, loop_.pollReturnTime());
      told.push_back(when);
      channel->disableAll();
    });
    channel->enableReading();
  }
  runUntil(loop_, [&] { return told.size() == 2; });
  EXPECT_GE(told.front(), before);
  EXPECT_GE(told.back(), told.front());
  EXPECT_LE(told.back(), Clock::now());
}

TERN_ON_EACH_POLLER(LoopFunctors);

}  // namespace
}  // namespace tern::testing
