// LoopWakeups: a sleeping loop is woken, a busy one is not written to, and a turn ends in order.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/PlainPoller.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopWakeups : public OnEachPoller {};

std::uint64_t waitsOf(EventLoop& loop) { return loop.poller().stats().waits; }

TEST_P(LoopWakeups, ManyFunctorsForABusyLoopCostFewTurns) {
  LoopThread thread(GetParam().spec);
  EventLoop& loop = thread.loop();
  constexpr int kMany = 10'000;
  const std::uint64_t before = runOn(loop, [&] { return waitsOf(loop); });
  int ran = 0;
  {
    const LoopHold hold(loop);
    for (int i = 0; i < kMany; ++i) loop.queueInLoop([&ran] { ++ran; });
  }
  const auto [count, after] = runOn(loop, [&] { return std::pair(ran, waitsOf(loop)); });
  EXPECT_EQ(count, kMany);
  // A thousand or so a turn, and not a turn for each.
  EXPECT_LT(after - before, 100U);
}

// What has been written to an eventfd and not read from it yet.
std::uint64_t countIn(int eventFd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(eventFd));
  for (std::string line; std::getline(info, line);) {
    static const std::string kLabel = "eventfd-count:";
    if (line.starts_with(kLabel)) return std::stoull(line.substr(kLabel.size()), nullptr, 16);
  }
  throw std::runtime_error("an eventfd without a count");
}

TEST_P(LoopWakeups, ManyFunctorsForABusyLoopAreOneWriteAtMost) {
  const std::set<int> before = openDescriptors();
  LoopThread thread(GetParam().spec);
  std::vector<int> eventFds;
  for (const int fd : openDescriptors()) {
    if (!before.contains(fd) && targetOf(fd) == "anon_inode:[eventfd]") eventFds.push_back(fd);
  }
  ASSERT_EQ(eventFds.size(), 1U);
  const LoopHold hold(thread.loop());
  for (int i = 0; i < 10'000; ++i) thread.loop().queueInLoop([] {});
  EXPECT_LE(countIn(eventFds.front()), 1U);
  for (int i = 0; i < 10'000; ++i) thread.loop().wakeup();
  EXPECT_LE(countIn(eventFds.front()), 1U);
}

TEST_P(LoopWakeups, AThreadThatPostsAllTheTimeCostsNoMoreTurnsThanItPosts) {
  LoopThread thread(GetParam().spec);
  EventLoop& loop = thread.loop();
  constexpr std::uint64_t kMany = 2'000;
  const std::uint64_t before = runOn(loop, [&] { return waitsOf(loop); });
  std::uint64_t ran = 0;
  for (std::uint64_t i = 0; i < kMany; ++i) loop.queueInLoop([&ran] { ++ran; });
  const auto [count, after] = runOn(loop, [&] { return std::pair(ran, waitsOf(loop)); });
  EXPECT_EQ(count, kMany);
  EXPECT_LT(after - before, 2 * kMany + 10);
}

TEST_P(LoopWakeups, NoneIsLostWhileTheLoopGoesToSleep) {
  LoopThread thread(GetParam().spec);
  // Each answer is waited for, so that the loop falls asleep, or is about to, before the next.
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(runOn(thread.loop(), [i] { return i; }), i);
  }
}

TEST_P(LoopWakeups, AnIdleLoopSleeps) {
  // The ticks show that the loop had its turns; between them it must not have had others. They go
  // on until the thread ends, which therefore is the first to be destroyed.
  int ticks = 0;
  std::uint64_t before = 0;
  Mailbox<std::uint64_t> waited;
  LoopThread thread(GetParam().spec);
  EventLoop& loop = thread.loop();
  loop.runEvery(2ms, [&] {
    if (++ticks == 2) before = waitsOf(loop);
    if (ticks == 12) waited.put(waitsOf(loop) - before);
  });
  EXPECT_LT(waited.take(), 60U);
}

TEST_P(LoopWakeups, WakeupBeforeLoopAndFromManyThreadsIsHarmless) {
  EventLoop loop(GetParam().spec);
  loop.wakeup();
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&loop] {
      for (int n = 0; n < 2'000; ++n) loop.wakeup();
    });
  }
  int ticks = 0;
  loop.runEvery(1ms, [&] {
    if (++ticks == 5) loop.quit();
  });
  run(loop);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(LoopWakeups, ATurnEndTaskRunsOnceAfterTheFunctorsOfItsTurn) {
  EventLoop loop(GetParam().spec);
  auto order = std::make_shared<std::vector<std::string>>();
  loop.queueInLoop([&] {
    loop.atTurnEnd(order, [](void* list) {
      static_cast<std::vector<std::string>*>(list)->emplace_back("turn end");
    });
    order->emplace_back("first functor");
    loop.queueInLoop([&] { order->emplace_back("next turn"); });
  });
  loop.queueInLoop([&] { order->emplace_back("second functor"); });
  runTurns(loop, 4);
  EXPECT_EQ(*order,
            (std::vector<std::string>{"first functor", "second functor", "turn end", "next turn"}));
}

TEST_P(LoopWakeups, ATurnEndTaskKeepsItsOwnerUntilItRan) {
  EventLoop loop(GetParam().spec);
  auto owner = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = owner;
  loop.atTurnEnd(std::move(owner), [](void* number) { *static_cast<int*>(number) = 1; });
  EXPECT_FALSE(watch.expired());
  runTurns(loop, 2);
  EXPECT_TRUE(watch.expired());
}

TEST_P(LoopWakeups, ATurnEndTaskThatAddsAnotherDelaysItToTheNextTurn) {
  struct Adder {
    EventLoop& loop;
    int runs = 0;
    int functorsSeen = 0;
  };
  EventLoop loop(GetParam().spec);
  auto adder = std::make_shared<Adder>(Adder{loop});
  static std::weak_ptr<Adder> again;  // a task is a plain function
  again = adder;
  loop.atTurnEnd(adder, [](void* self) {
    auto* own = static_cast<Adder*>(self);
    if (++own->runs == 10) own->loop.quit();
    own->loop.atTurnEnd(again.lock(), [](void* same) {
      auto* third = static_cast<Adder*>(same);
      ++third->runs;
      third->loop.quit();
    });
  });
  loop.queueInLoop([&] { adder->functorsSeen = adder->runs; });
  run(loop);
  EXPECT_EQ(adder->runs, 2);
  EXPECT_EQ(adder->functorsSeen, 0);
}

TERN_ON_EACH_POLLER(LoopWakeups);

// Notes when the loop goes to sleep and when it returns.
class ObservedPoller final : public PlainPoller {
 public:
  ObservedPoller(Mailbox<Duration>& waits, Mailbox<int>& returns)
      : waits_(waits), returns_(returns) {}

  int poll(Duration timeout) override {
    waits_.put(timeout);
    const int n = PlainPoller::poll(timeout);
    returns_.put(n);
    return n;
  }

 private:
  Mailbox<Duration>& waits_;
  Mailbox<int>& returns_;
};

class LoopSleep : public ::testing::Test {
 protected:
  Mailbox<Duration> waits_;
  Mailbox<int> returns_;
  PollerSpec spec_{[this] { return std::make_unique<ObservedPoller>(waits_, returns_); },
                   "observed"};
};

TEST_F(LoopSleep, WakeupMakesTheWaitReturn) {
  LoopThread thread(spec_);
  while (waits_.take() != kForever) {
  }
  const std::size_t before = returns_.total();
  thread.loop().wakeup();
  returns_.awaitTotal(before + 1);
}

TEST_F(LoopSleep, WakeupBeforeLoopMakesTheFirstWaitReturn) {
  EventLoop loop(spec_);
  loop.wakeup();
  loop.runAfter(0s, [&loop] { loop.quit(); });
  loop.loop();
  EXPECT_EQ(waits_.take(), Duration::zero());
}

TEST_F(LoopSleep, WithFunctorsQueuedTheFirstTurnDoesNotWait) {
  EventLoop loop(spec_);
  loop.queueInLoop([&loop] { loop.quit(); });
  loop.loop();
  EXPECT_EQ(waits_.take(), Duration::zero());
  EXPECT_EQ(waits_.size(), 0U);
}

TEST_F(LoopSleep, WakeupsOfASleepingLoopAreOneEvent) {
  LoopThread thread(spec_);
  while (waits_.take() != kForever) {
  }
  {
    const LoopHold hold(thread.loop());
    const std::size_t before = returns_.total();
    for (int i = 0; i < 1'000; ++i) thread.loop().wakeup();
    EXPECT_EQ(returns_.total(), before);
  }
  // One turn to run what was posted, and one for the wake-up, before it sleeps again.
  const std::size_t before = returns_.total();
  while (waits_.take() != kForever) {
  }
  EXPECT_LE(returns_.total() - before, 3U);
}

}  // namespace
}  // namespace tern::testing
