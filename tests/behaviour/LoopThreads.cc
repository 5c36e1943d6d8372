// LoopThreads: loops on threads of their own, one (EventLoopThread) or several (the pool).
#include <gtest/gtest.h>
#include <pthread.h>
#include <tern/net/EventLoop.h>
#include <tern/net/EventLoopThread.h>
#include <tern/net/EventLoopThreadPool.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/SelectPoller.h"
#include "support/ServerFixture.h"
#include "support/Tracker.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopThreads : public OnEachPoller {
 protected:
  const PollerSpec& spec_ = GetParam().spec;
};

TEST_P(LoopThreads, StartLoopReturnsALoopThatRunsOnItsOwnThread) {
  EventLoopThread thread(spec_);
  EventLoop* loop = thread.startLoop();
  ASSERT_NE(loop, nullptr);
  EXPECT_FALSE(loop->isInLoopThread());
  EXPECT_TRUE(runOn(*loop, [loop] { return loop->isInLoopThread(); }));
  EXPECT_EQ(runOn(*loop, [] { return EventLoop::getEventLoopOfCurrentThread(); }), loop);
  EXPECT_EQ(loop->pollerChoice().asked, spec_.asked());
}

TEST_P(LoopThreads, TheInitCallbackRunsOnTheThreadBeforeTheLoop) {
  EventLoop* given = nullptr;
  bool before = false;
  EventLoopThread thread(spec_, [&](EventLoop* loop) {
    given = loop;
    EXPECT_TRUE(loop->isInLoopThread());
    loop->queueInLoop([&before] { before = true; });
    EXPECT_FALSE(before);
  });
  EventLoop* loop = thread.startLoop();
  EXPECT_EQ(given, loop);
  EXPECT_TRUE(runOn(*loop, [&before] { return before; }));
}

TEST_P(LoopThreads, TheThreadHasTheNameGiven) {
  EventLoopThread thread(spec_, {}, "a-name-longer-than-fifteen");
  EXPECT_EQ(runOn(*thread.startLoop(),
                  [] {
                    std::array<char, 32> name{};
                    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
                    return std::string(name.data());
                  }),
            "a-name-longer-t");
}

TEST_P(LoopThreads, AThreadThatWasNeverStartedEndsQuietly) { const EventLoopThread thread(spec_); }

TEST_P(LoopThreads, WhatTheInitCallbackThrowsIsThrownByStartLoop) {
  EventLoopThread thread(spec_, [](EventLoop*) { throw std::domain_error("no loop today"); });
  EXPECT_THROW(thread.startLoop(), std::domain_error);
}

TEST_P(LoopThreads, TheDestructorEndsABusyLoop) {
  Tracker tracker;
  {
    EventLoopThread thread(spec_);
    EventLoop* loop = thread.startLoop();
    loop->runEvery(100us, [] {});
    for (int i = 0; i < 5'000; ++i) loop->queueInLoop(tracker.functor());
  }
  EXPECT_EQ(tracker.ran(), 5'000);
  EXPECT_EQ(tracker.destroyed(), 5'000);
}

TEST_P(LoopThreads, AnExceptionIsLoggedAndTheLoopGoesOn) {
  const LogCapture log;
  Mailbox<int> fired;
  EventLoopThread thread(spec_);
  EventLoop* loop = thread.startLoop();
  loop->queueInLoop([] { throw std::runtime_error("from a functor"); });
  loop->queueInLoop([] { throw 42; });
  loop->runAfter(0s, [] { throw std::runtime_error("from a timer"); });
  loop->runAfter(1ms, [&fired] { fired.put(1); });
  EXPECT_EQ(fired.take(), 1);
  EXPECT_EQ(log.count("error: an exception left a callback: from a functor"), 1U);
  EXPECT_EQ(log.count("error: an exception left a callback: from a timer"), 1U);
  EXPECT_EQ(log.count("error: an exception of unknown type left a callback"), 1U);
}

TEST_P(LoopThreads, APoolWithoutThreadsServesOnTheBaseLoop) {
  EventLoop base(spec_);
  EventLoopThreadPool pool(base, "pool", spec_);
  EXPECT_FALSE(pool.started());
  std::vector<EventLoop*> initialised;
  pool.start([&](EventLoop* loop) { initialised.push_back(loop); });
  EXPECT_TRUE(pool.started());
  EXPECT_EQ(initialised, std::vector<EventLoop*>{&base});
  EXPECT_EQ(pool.getAllLoops(), std::vector<EventLoop*>{&base});
  EXPECT_EQ(pool.getNextLoop(), &base);
  EXPECT_EQ(pool.getNextLoop(), &base);
  EXPECT_EQ(pool.getLeastConnectionsLoop(), &base);
  EXPECT_EQ(pool.getLoopForHash(12345), &base);
}

TEST_P(LoopThreads, APoolHasALoopPerThread) {
  EventLoop base(spec_);
  EventLoopThreadPool pool(base, "pool", spec_);
  pool.setThreadNum(3);
  std::atomic<int> initialised{0};
  pool.start([&](EventLoop* loop) {
    EXPECT_TRUE(loop->isInLoopThread());
    ++initialised;
  });
  EXPECT_EQ(initialised, 3);
  const std::vector<EventLoop*> loops = pool.getAllLoops();
  ASSERT_EQ(loops.size(), 3U);
  std::set<std::thread::id> threads{std::this_thread::get_id()};
  for (EventLoop* loop : loops) {
    threads.insert(runOn(*loop, [] { return std::this_thread::get_id(); }));
    EXPECT_EQ(loop->pollerChoice().asked, spec_.asked());
  }
  EXPECT_EQ(threads.size(), 4U);
}

TEST_P(LoopThreads, APoolGivesLoopsInTurnByLoadAndByHash) {
  EventLoop base(spec_);
  EventLoopThreadPool pool(base, "pool", spec_);
  pool.setThreadNum(3);
  pool.start();
  const std::vector<EventLoop*> loops = pool.getAllLoops();
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(pool.getNextLoop(), loops[i % 3]);

  loops[0]->connectionAssigned();
  loops[1]->connectionAssigned();
  EXPECT_EQ(pool.getLeastConnectionsLoop(), loops[2]);
  loops[2]->connectionAssigned();
  loops[1]->connectionGone();
  EXPECT_EQ(pool.getLeastConnectionsLoop(), loops[1]);

  std::set<EventLoop*> hit;
  for (std::size_t hash = 0; hash < 100; ++hash) {
    EXPECT_EQ(pool.getLoopForHash(hash), pool.getLoopForHash(hash));
    hit.insert(pool.getLoopForHash(hash));
  }
  EXPECT_EQ(hit.size(), 3U);
}

TERN_ON_EACH_POLLER(LoopThreads);

PollerSpec failingFrom(int call) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  return {[calls, call]() -> std::unique_ptr<Poller> {
            if (++*calls >= call)
              throw std::system_error(ENOMEM, std::system_category(), "no poller");
            return std::make_unique<SelectPoller>();
          },
          "failing"};
}

TEST(LoopThreadErrors, WhatThePollerFactoryThrowsIsThrownByStartLoop) {
  EventLoopThread thread(failingFrom(1));
  try {
    thread.startLoop();
    FAIL() << "no exception";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOMEM);
  }
}

TEST(LoopThreadErrors, APoolThatCannotStartLeavesNoThreadBehind) {
  EventLoop base;
  EventLoopThreadPool pool(base, "pool", failingFrom(3));
  pool.setThreadNum(4);
  std::atomic<int> initialised{0};
  EXPECT_THROW(pool.start([&](EventLoop*) { ++initialised; }), std::system_error);
  EXPECT_EQ(initialised, 2);
  EXPECT_FALSE(pool.started());
  EXPECT_EQ(pool.getAllLoops(), std::vector<EventLoop*>{&base});
  EXPECT_EQ(pool.getNextLoop(), &base);
  pool.setThreadNum(0);
  pool.start();
  EXPECT_TRUE(pool.started());
}

// What the two below may do wrong is to hang, or to use a loop that is gone: in a process of its
// own, with an alarm, so that the other tests go on.
class LoopThreadEndsDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LoopThreadEndsDeathTest, StartLoopReturnsWhenTheInitCallbackQuitsTheLoop) {
  EXPECT_EXIT(
      {
        ::alarm(60);
        for (int i = 0; i < 50; ++i) {
          EventLoopThread thread(PollerSpec(), [](EventLoop* loop) { loop->quit(); });
          thread.startLoop();
        }
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(LoopThreadEndsDeathTest, TheLoopLivesAsLongAsItsThreadObjectAlsoAfterQuit) {
  EXPECT_EXIT(
      {
        ::alarm(60);
        for (int i = 0; i < 50; ++i) {
          EventLoopThread thread;
          EventLoop* loop = thread.startLoop();
          loop->quit();
          // Posting to an ended loop is allowed, as long as there is one.
          for (int n = 0; n < 200; ++n) {
            loop->queueInLoop([] {});
            std::this_thread::yield();
          }
        }
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tern::testing
