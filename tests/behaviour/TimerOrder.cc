// TimerOrder: timers fire in order, never early, and one that is late fires once.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class TimerOrder : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
  std::vector<int> fired_;
};

std::vector<int> upTo(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_P(TimerOrder, FollowsTheDeadlines) {
  const Timestamp start = Clock::now();
  std::vector<int> shuffled = upTo(200);
  std::shuffle(shuffled.begin(), shuffled.end(), std::minstd_rand(1));
  for (const int i : shuffled) {
    loop_.runAt(start + i * 50us, [this, i] { fired_.push_back(i); });
  }
  runUntil(loop_, [this] { return fired_.size() == 200; });
  EXPECT_EQ(fired_, upTo(200));
}

TEST_P(TimerOrder, OfOneDeadlineIsThatOfAdding) {
  const Timestamp when = Clock::now() + 2ms;
  for (int i = 0; i < 200; ++i) {
    loop_.runAt(when, [this, i] { fired_.push_back(i); });
  }
  runUntil(loop_, [this] { return fired_.size() == 200; });
  EXPECT_EQ(fired_, upTo(200));
}

TEST_P(TimerOrder, OfPastDeadlinesFollowsThemToo) {
  const Timestamp now = Clock::now();
  loop_.runAt(now - 1s, [this] { fired_.push_back(1); });
  loop_.runAt(now - 1h, [this] { fired_.push_back(0); });
  loop_.runAt(now, [this] { fired_.push_back(2); });
  runUntil(loop_, [this] { return fired_.size() == 3; });
  EXPECT_EQ(fired_, upTo(3));
}

TEST_P(TimerOrder, NoTimerIsEarly) {
  int left = 0;
  for (const Duration delay : {Duration(0), Duration(1us), Duration(300us), Duration(999us),
                               Duration(2ms), Duration(7ms), Duration(20ms)}) {
    const Timestamp due = Clock::now() + delay;
    ++left;
    loop_.runAfter(delay, [&left, due] {
      EXPECT_GE(Clock::now(), due);
      --left;
    });
  }
  runUntil(loop_, [&left] { return left == 0; });
}

TEST_P(TimerOrder, NoRepetitionIsEarlyAndItKeepsStepWithTheFirst) {
  constexpr Duration kInterval = 1ms;
  const Timestamp start = Clock::now();
  int count = 0;
  loop_.runEvery(kInterval, [&] {
    ++count;
    EXPECT_GE(Clock::now(), start + count * kInterval);
    if (count == 20) loop_.quit();
  });
  run(loop_);
  EXPECT_EQ(count, 20);
}

TEST_P(TimerOrder, NothingFiresInsideTheCallThatAddsIt) {
  bool inside = true;
  int fired = 0;
  const auto fire = [&] {
    EXPECT_FALSE(inside);
    ++fired;
  };
  loop_.queueInLoop([&] {
    inside = true;
    loop_.runAfter(0s, fire);
    loop_.runAfter(-1s, fire);
    loop_.runAt(Timestamp::min(), fire);
    inside = false;
  });
  runUntil(loop_, [&] { return fired == 3; });
}

TEST_P(TimerOrder, AOneShotTimerFiresOnce) {
  int fired = 0;
  loop_.runAfter(0s, [&] { ++fired; });
  int ticks = 0;
  loop_.runEvery(1ms, [&] { ++ticks; });
  runUntil(loop_, [&] { return ticks == 5; });
  EXPECT_EQ(fired, 1);
}

TEST_P(TimerOrder, ARepeatingTimerThatWasDelayedFiresOnceNotInABurst) {
  int fired = 0;
  int firedInTheTurnAfter = -1;
  loop_.runEvery(100us, [&] { ++fired; });
  loop_.queueInLoop([&] {
    // Tens of intervals are missed meanwhile. Nothing waits for this time to pass but the clock.
    const Timestamp until = Clock::now() + 5ms;
    while (Clock::now() < until) {
    }
    const int before = fired;
    loop_.queueInLoop([&, before] { firedInTheTurnAfter = fired - before; });
  });
  runUntil(loop_, [&] { return firedInTheTurnAfter >= 0 && fired >= 3; });
  EXPECT_LE(firedInTheTurnAfter, 1);
}

TEST_P(TimerOrder, ARepeatingTimerThatWasDelayedKeepsStepWithItsFirstDeadline) {
  // Each of its steps lies between two moments that are known. A one-shot timer just before and one
  // just behind them show, by the order of firing alone, whether it fires at a step.
  constexpr Duration kInterval = 10ms;
  int calls = 0;
  int stepsBegun = 0;
  int stepsEnded = 0;
  const Timestamp earliest = Clock::now();
  loop_.runEvery(kInterval, [&] {
    ++calls;
    EXPECT_GT(stepsBegun, stepsEnded) << "call " << calls << " is out of step";
    if (calls == 1) {
      // Whole intervals are missed, and half of one: counted from here, the next would be out of
      // step.
      const Timestamp until = std::max(Clock::now(), earliest + kInterval * 7 / 2);
      while (Clock::now() < until) {
      }
    } else {
      EXPECT_GE(stepsBegun, 4) << "the steps that were missed are skipped";
    }
    if (calls == 3) loop_.quit();
  });
  const Timestamp latest = Clock::now();
  for (int step = 1; step <= 1000; ++step) {
    loop_.runAt(earliest + step * kInterval - 1ns, [&] { ++stepsBegun; });
    loop_.runAt(latest + step * kInterval + 1ns, [&] { ++stepsEnded; });
  }
  run(loop_);
  EXPECT_EQ(calls, 3);
}

TEST_P(TimerOrder, ATimerAddedByOneThatFiresWaitsForTheRestOfTheBatch) {
  const Timestamp past = Clock::now() - 1s;
  for (int i = 0; i < 10; ++i) {
    loop_.runAt(past, [this, i, past] {
      fired_.push_back(i);
      loop_.runAt(past - 1h, [this, i] { fired_.push_back(10 + i); });
    });
  }
  runUntil(loop_, [this] { return fired_.size() == 20; });
  EXPECT_EQ(fired_, upTo(20));
}

TEST_P(TimerOrder, ATimerThatAddsItselfWithAPastDeadlineStarvesNobody) {
  const Timestamp past = Clock::now() - 1s;
  bool more = true;
  std::function<void()> again = [&] {
    if (more) loop_.runAt(past, [&again] { again(); });
  };
  again();
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int reads = 0;
  channel.setReadCallback([&](Timestamp) {
    readFrom(pipe.reader);
    ++reads;
  });
  channel.enableReading();
  int functors = 0;
  int timers = 0;
  for (int i = 1; i <= 3; ++i) {
    writeTo(pipe.writer, "x");
    loop_.queueInLoop([&] { ++functors; });
    loop_.runAfter(1ms, [&] { ++timers; });
    runUntil(loop_, [&] { return reads == i && functors == i && timers == i; });
  }
  more = false;
}

TEST_P(TimerOrder, TheShortestIntervalLeavesTurnsToOthers) {
  int fired = 0;
  loop_.runEvery(1ns, [&] { ++fired; });
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int reads = 0;
  channel.setReadCallback([&](Timestamp) {
    readFrom(pipe.reader);
    ++reads;
  });
  channel.enableReading();
  for (int i = 1; i <= 3; ++i) {
    writeTo(pipe.writer, "x");
    runUntil(loop_, [&] { return reads == i; });
  }
  runUntil(loop_, [&] { return fired >= 10; });
}

TERN_ON_EACH_POLLER(TimerOrder);

}  // namespace
}  // namespace tern::testing
