// OutputQueueBench: what is sent, on its way through a connection's OutputQueue: replies of a
// callback, large strings, one string for many connections, and the description for the kernel.
#include <benchmark/benchmark.h>
#include <sys/uio.h>
#include <tern/base/OutputQueue.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tern::bench {
namespace {

constexpr std::size_t kReply = 64;
constexpr std::size_t kLarge = std::size_t{64} * 1024;

void finish(benchmark::State& state, std::size_t seen, std::size_t perTurn) {
  if (seen != static_cast<std::size_t>(state.iterations()) * perTurn) {
    state.SkipWithError("bytes were lost");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(seen));
}

// The replies of one callback leave in one piece.
void repliesOfACallback(benchmark::State& state) {
  const auto replies = static_cast<std::size_t>(state.range(0));
  const std::string reply(kReply, 'x');
  OutputQueue queue;
  std::size_t seen = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < replies; ++i) queue.append(std::string_view(reply));
    const auto front = queue.front();
    benchmark::DoNotOptimize(front.data());
    seen += front.size();
    queue.consume(front.size());
  }
  finish(state, seen, replies * kReply);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(replies));
}
BENCHMARK(repliesOfACallback)->Arg(1)->Arg(16);

// The string, which the queue then owns, is made in each round: copying it would cost more.
void movedString(benchmark::State& state) {
  OutputQueue queue;
  std::size_t seen = 0;
  for (auto _ : state) {
    std::string large;
    large.resize(kLarge);
    const char* bytes = large.data();
    queue.append(std::move(large));
    if (queue.front().data() != bytes) state.SkipWithError("the string was copied");
    seen += queue.size();
    queue.consume(queue.size());
  }
  finish(state, seen, kLarge);
}
BENCHMARK(movedString);

void sharedString(benchmark::State& state) {
  std::vector<OutputQueue> queues(static_cast<std::size_t>(state.range(0)));
  const auto message = std::make_shared<const std::string>(kReply, 'x');
  std::size_t seen = 0;
  for (auto _ : state) {
    for (OutputQueue& queue : queues) queue.append(message);
    for (OutputQueue& queue : queues) {
      seen += queue.front().size();
      queue.consume(queue.size());
    }
  }
  if (message.use_count() != 1) state.SkipWithError("a queue keeps the string");
  finish(state, seen, queues.size() * kReply);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sharedString)->Arg(1)->Arg(1000);

void gather(benchmark::State& state) {
  const auto chunks = static_cast<std::size_t>(state.range(0));
  const auto message = std::make_shared<const std::string>(2 * OutputQueue::kCopyLimit, 'x');
  OutputQueue queue;
  for (std::size_t i = 0; i < chunks; ++i) queue.append(message);
  std::array<iovec, 64> out{};
  std::size_t seen = 0;
  for (auto _ : state) {
    const std::size_t filled = queue.gather(out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
    seen += filled;
  }
  if (seen != static_cast<std::size_t>(state.iterations()) * chunks) {
    state.SkipWithError("chunks were left out");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(seen));
}
BENCHMARK(gather)->Arg(1)->Arg(64);

}  // namespace
}  // namespace tern::bench
