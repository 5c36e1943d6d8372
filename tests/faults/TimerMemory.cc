// TimerMemory: timers for which there is no memory, and those which need none.
#include "ShortOfMemory.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <new>

#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMany = 300;

class TimerMemory : public ShortOfMemory {
 protected:
  // While the heap refuses: until the next one would take memory.
  void addUntilRefused() {
    for (std::size_t i = 0; i < kMany; ++i) {
      try {
        loop_.runAfter(1h, [] {});
      } catch (const std::bad_alloc&) {
        return;
      }
    }
    withMemory([] { ADD_FAILURE() << "memory for so many timers came from nowhere"; });
  }

  [[nodiscard]] std::size_t pending() const { return loop_.stats().timersPending; }
};

TEST_P(TimerMemory, ATimerForWhichThereIsNoneIsNotPending) {
  for (std::size_t i = 0; i < kMany; ++i) {
    for (std::size_t spared = 0;; ++spared) {
      const std::size_t before = pending();
      if (!failsForMemory([&] { loop_.runAfter(1h, [] {}); }, spared)) break;
      ASSERT_EQ(pending(), before);
    }
    ASSERT_EQ(pending(), i + 1);
  }
}

TEST_P(TimerMemory, ATimerThatReplacesACancelledOneTakesNone) {
  TimerId id = loop_.runAfter(1h, [] {});
  const HeapRefusal refusal;
  addUntilRefused();
  for (std::size_t i = 0; i < kMany; ++i) {
    loop_.cancel(id);
    id = loop_.runAfter(1h, [] {});
  }
}

TEST_P(TimerMemory, ATimerThatItsPredecessorAddsTakesNone) {
  int fired = 0;
  loop_.runAfter(1ms, [&] {
    ++fired;
    loop_.runAfter(0ms, [&fired] { ++fired; });
  });
  {
    const HeapRefusal refusal;
    addUntilRefused();
    while (fired == 0) turns(1);
    turns(3);
  }
  runUntil(loop_, [&] { return fired == 2; });
}

TEST_P(TimerMemory, ARepeatingTimerComesBackThoughItsCallbackLeftNoPlace) {
  int fired = 0;
  loop_.runEvery(1ms, [&] {
    ++fired;
    addUntilRefused();
  });
  const HeapRefusal refusal;
  while (fired < 3) turns(1);
}

TERN_ON_EACH_POLLER(TimerMemory);

}  // namespace
}  // namespace tern::testing

#endif
