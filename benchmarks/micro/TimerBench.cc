// TimerBench: adding, cancelling and expiring timers with 1 k to 1 M pending, on a tern::EventLoop,
// on a std::set queue as muduo's, and on libevent's heap. Deadlines are random, the same each run.
#include <benchmark/benchmark.h>
#include <tern/net/EventLoop.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "LibeventTimers.h"
#include "SetTimers.h"

namespace tern::bench {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

// What each queue is driven through: runAt(), cancel(), and expire(), which runs what is due.
class OnTern {
 public:
  using Id = TimerId;
  explicit OnTern(std::size_t) {}
  template <class Callback>
  Id runAt(Timestamp when, Callback callback) {
    return loop_.runAt(when, callback);
  }
  void cancel(Id id) { loop_.cancel(id); }
  void expire() {
    loop_.runAt(Clock::now(), [this] { loop_.quit(); });  // behind all that are due
    loop_.loop();
  }

 private:
  EventLoop loop_{PollerSpec(PollerKind::kEPoll)};
};

class OnSet {
 public:
  using Id = SetTimers::Id;
  explicit OnSet(std::size_t) {}
  template <class Callback>
  Id runAt(Timestamp when, Callback callback) {
    return timers_.runAt(when, callback);
  }
  void cancel(Id id) { timers_.cancel(id); }
  void expire() { timers_.expire(Clock::now()); }

 private:
  SetTimers timers_;
};

class OnLibevent : public LibeventTimers {
 public:
  using LibeventTimers::LibeventTimers;
};

class Delays {
 public:
  Delays(Duration least, Duration span) : distribution_(least.count(), (least + span).count()) {}
  Duration next() { return Duration(distribution_(random_)); }

 private:
  Random random_{42};
  std::uniform_int_distribution<Duration::rep> distribution_;
};

template <class Queue>
std::vector<typename Queue::Id> fill(Queue& queue, std::size_t count, Delays& delays,
                                     std::int64_t& fired) {
  std::vector<typename Queue::Id> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back(queue.runAt(Clock::now() + delays.next(), [&fired] { ++fired; }));
  }
  return ids;
}

void report(benchmark::State& state, std::size_t perIteration, bool correct) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(perIteration));
  if (!correct) state.SkipWithError("the wrong number of timers fired");
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// A timer is cancelled and another added while `count` are pending: which of them is random, so it
// lies in no cache.
template <class Queue>
void addAndCancel(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::int64_t fired = 0;
  Queue queue(count + 1);
  Delays delays(1h, 1h);
  auto ids = fill(queue, count, delays, fired);
  Random random(7);
  for (auto _ : state) {
    auto& id = ids[random() % count];
    queue.cancel(id);
    id = queue.runAt(Clock::now() + delays.next(), [&fired] { ++fired; });
  }
  queue.expire();
  report(state, 1, fired == 0);
}

// The usual fate of a time-out: it is cancelled soon after it was added.
template <class Queue>
void addAndCancelTheSame(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::int64_t fired = 0;
  Queue queue(count + 1);
  Delays delays(1h, 1h);
  fill(queue, count, delays, fired);
  for (auto _ : state) {
    queue.cancel(queue.runAt(Clock::now() + delays.next(), [&fired] { ++fired; }));
  }
  queue.expire();
  report(state, 1, fired == 0);
}

// From none to `count`.
template <class Queue>
void add(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::int64_t fired = 0;
  for (auto _ : state) {
    Queue queue(count);
    Delays delays(1h, 1h);
    const Timestamp start = Clock::now();
    benchmark::DoNotOptimize(fill(queue, count, delays, fired));
    state.SetIterationTime(seconds(Clock::now() - start));
  }
  report(state, count, fired == 0);
}

// From `count` to none, in random order.
template <class Queue>
void cancel(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::int64_t fired = 0;
  for (auto _ : state) {
    Queue queue(count);
    Delays delays(1h, 1h);
    auto ids = fill(queue, count, delays, fired);
    std::shuffle(ids.begin(), ids.end(), Random(7));
    const Timestamp start = Clock::now();
    for (const auto id : ids) queue.cancel(id);
    state.SetIterationTime(seconds(Clock::now() - start));
    queue.expire();
  }
  report(state, count, fired == 0);
}

// libevent's clock is the coarse one by default.
constexpr Duration kCoarse = 10ms;

// All are due; they fire in one go.
template <class Queue>
void expire(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  // None is due before the last was added, so that all lie in the queue in random order.
  const Duration least = 2us * count;
  std::int64_t fired = 0;
  Queue queue(count);
  for (auto _ : state) {
    Delays delays(Duration(0), 1us * count);
    const Timestamp begin = Clock::now() + least;
    for (std::size_t i = 0; i < count; ++i)
      queue.runAt(begin + delays.next(), [&fired] { ++fired; });
    std::this_thread::sleep_until(begin + 1us * count + kCoarse);
    const Timestamp start = Clock::now();
    queue.expire();
    state.SetIterationTime(seconds(Clock::now() - start));
  }
  report(state, count, fired == state.iterations() * static_cast<std::int64_t>(count));
}

constexpr int kFewest = 1'000;
constexpr int kMost = 1'000'000;

// Filling the queue takes seconds where the many are pending: it shall happen once, and not anew
// for each estimate of how many iterations would be enough.
void pairsWithPending(benchmark::internal::Benchmark* bench) {
  bench->RangeMultiplier(10)->Range(kFewest, kMost)->Iterations(200'000);
}

void allAtOnce(benchmark::internal::Benchmark* bench) {
  bench->RangeMultiplier(10)->Range(kFewest, kMost)->UseManualTime();
}

BENCHMARK_TEMPLATE(addAndCancel, OnTern)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(addAndCancel, OnSet)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(addAndCancel, OnLibevent)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(addAndCancelTheSame, OnTern)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(addAndCancelTheSame, OnSet)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(addAndCancelTheSame, OnLibevent)->Apply(pairsWithPending);
BENCHMARK_TEMPLATE(add, OnTern)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(add, OnSet)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(add, OnLibevent)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(cancel, OnTern)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(cancel, OnSet)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(cancel, OnLibevent)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(expire, OnTern)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(expire, OnSet)->Apply(allAtOnce);
BENCHMARK_TEMPLATE(expire, OnLibevent)->Apply(allAtOnce);

}  // namespace
}  // namespace tern::bench
