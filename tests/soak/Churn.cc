// Churn: what runs, runs in order; what was cancelled in time, does not run.
#include "Churn.h"

#include <tern/net/EventLoop.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFunctors = 200;
constexpr std::size_t kTimers = 300;
constexpr std::size_t kTicks = 5;

std::chrono::microseconds soon(testing::Randomness& random) {
  return std::chrono::microseconds(random.upTo(40'000));
}

void postInOrder(EventLoop& loop, Tally& tally) {
  tally.functors += kFunctors;
  auto last = std::make_shared<std::size_t>(0);
  for (std::size_t i = 0; i < kFunctors; ++i) {
    loop.queueInLoop([&tally, last, i, token = liveToken(tally)] {
      if ((*last)++ != i) tally.fail("functors of one thread ran out of order");
    });
  }
}

// Three of four are cancelled, from the thread that is not the loop's: those may fire all the same.
void addFromHere(EventLoop& loop, Tally& tally, testing::Randomness& random) {
  tally.timers += kTimers;
  std::vector<TimerId> ids;
  ids.reserve(kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    ids.push_back(loop.runAfter(soon(random), [token = liveToken(tally)] {}));
  }
  for (const TimerId id : ids) {
    if (!random.oneIn(4)) loop.cancel(id);
  }
}

struct Mine {
  TimerId id;
  bool cancelled = false;
};

void addInTheLoop(EventLoop& loop, Tally& tally, testing::Randomness random) {
  tally.timers += kTimers;
  auto all = std::make_shared<std::vector<Mine>>(kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    // The whole lot is due at few moments, so that siblings meet in a batch.
    const auto delay = std::chrono::milliseconds(5 * random.upTo(8));
    const std::size_t other = random.upTo(kTimers - 1);
    (*all)[i].id = loop.runAfter(delay, [&loop, &tally, all, i, other, token = liveToken(tally)] {
      if ((*all)[i].cancelled) tally.fail("a timer fired after it was cancelled");
      (*all)[other].cancelled = true;
      loop.cancel((*all)[other].id);
    });
  }
  for (Mine& timer : *all) {
    if (random.oneIn(2)) continue;
    timer.cancelled = true;
    loop.cancel(timer.id);
  }
}

// Ends itself, in its own callback.
void repeatAFewTimes(EventLoop& loop, Tally& tally) {
  ++tally.timers;
  struct State {
    TimerId id;
    std::size_t ticks = 0;
  };
  auto state = std::make_shared<State>();
  state->id = loop.runEvery(1ms, [&loop, &tally, state, token = liveToken(tally)] {
    if (++state->ticks > kTicks) tally.fail("a repeating timer went on after it was cancelled");
    if (state->ticks == kTicks) loop.cancel(state->id);
  });
}

}  // namespace

void churn(EventLoop& loop, Tally& tally, testing::Randomness& random) {
  postInOrder(loop, tally);
  addFromHere(loop, tally, random);
  const testing::Randomness forTheLoop(static_cast<std::uint32_t>(random.bits()));
  loop.queueInLoop([&loop, &tally, forTheLoop, token = liveToken(tally)] {
    addInTheLoop(loop, tally, forTheLoop);
    repeatAFewTimes(loop, tally);
  });
}

}  // namespace tern::soak
