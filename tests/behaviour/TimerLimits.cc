// TimerLimits: any duration is accepted: zero, negative, a nanosecond, centuries, not a number.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

struct NamedDelay {
  std::string name;
  Delay delay;
};

std::vector<NamedDelay> pastOrNow() {
  return {
      {"zero", 0s},
      {"minus one nanosecond", -1ns},
      {"minus an hour", -1h},
      {"minus 300 years", std::chrono::years(-300)},
      {"the least nanoseconds", Duration::min()},
      {"the least hours", std::chrono::hours::min()},
      {"minus infinity", Seconds(-std::numeric_limits<double>::infinity())},
      {"the least double", Seconds(std::numeric_limits<double>::lowest())},
      {"not a number", Seconds(std::numeric_limits<double>::quiet_NaN())},
      {"one nanosecond", 1ns},
      {"a fraction of a nanosecond", Seconds(1e-12)},
  };
}

std::vector<NamedDelay> never() {
  return {
      {"300 years", std::chrono::years(300)},
      {"292 years", std::chrono::years(292)},
      {"100 years", std::chrono::years(100)},
      {"the most nanoseconds", Duration::max()},
      {"the most hours", std::chrono::hours::max()},
      {"the most years", std::chrono::years::max()},
      {"infinity", Seconds(std::numeric_limits<double>::infinity())},
      {"the greatest double", Seconds(std::numeric_limits<double>::max())},
  };
}

class TimerLimits : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
};

TEST_P(TimerLimits, APastDelayFiresOnceInTheNextTurns) {
  std::vector<std::string> fired;
  for (const NamedDelay& each : pastOrNow()) {
    loop_.runAfter(each.delay, [&fired, &each] { fired.push_back(each.name); });
    runUntil(loop_, [&fired] { return !fired.empty(); });
    EXPECT_EQ(fired, std::vector<std::string>{each.name});
    fired.clear();
  }
}

TEST_P(TimerLimits, ATinyOrNegativeIntervalRepeatsAtTheShortestOne) {
  for (const NamedDelay& each : pastOrNow()) {
    SCOPED_TRACE(each.name);
    int fired = 0;
    const Timestamp start = Clock::now();
    const TimerId id = loop_.runEvery(each.delay, [&] {
      ++fired;
      EXPECT_GE(Clock::now(), start + fired * 100us);
    });
    runUntil(loop_, [&fired] { return fired >= 5; });
    loop_.cancel(id);
  }
}

TEST_P(TimerLimits, AVeryLongDelayNeitherFiresNorDelaysOthers) {
  int wrong = 0;
  for (const NamedDelay& each : never()) {
    loop_.runAfter(each.delay, [&wrong] { ++wrong; });
    loop_.runEvery(each.delay, [&wrong] { ++wrong; });
  }
  int ticks = 0;
  loop_.runEvery(1ms, [&ticks] { ++ticks; });
  runUntil(loop_, [&ticks] { return ticks == 5; });
  EXPECT_EQ(wrong, 0);
}

TEST_P(TimerLimits, AVeryLongDelayCanBeCancelled) {
  for (const NamedDelay& each : never()) {
    const TimerId id = loop_.runAfter(each.delay, [] { ADD_FAILURE(); });
    runTurns(loop_, 2);
    loop_.cancel(id);
    runTurns(loop_, 2);
  }
}

TEST_P(TimerLimits, AnyPointInTimeWillDo) {
  int past = 0;
  int future = 0;
  for (const Timestamp when : {Timestamp::min(), Timestamp(), Timestamp(1ns), Timestamp(-1ns)}) {
    loop_.runAt(when, [&past] { ++past; });
  }
  loop_.runAt(Timestamp::max(), [&future] { ++future; });
  loop_.runAt(Timestamp::max() - 1ns, [&future] { ++future; });
  runUntil(loop_, [&past] { return past == 4; });
  EXPECT_EQ(future, 0);
}

TEST_P(TimerLimits, AnEarlierDeadlineAfterAVeryLateOneIsKept) {
  loop_.runAfter(std::chrono::years(300), [] { ADD_FAILURE(); });
  runTurns(loop_, 3);
  bool fired = false;
  loop_.runAfter(1ms, [&fired] { fired = true; });
  runUntil(loop_, [&fired] { return fired; });
}

TERN_ON_EACH_POLLER(TimerLimits);

}  // namespace
}  // namespace tern::testing
