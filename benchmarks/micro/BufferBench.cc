// BufferBench: the input Buffer on the way of a message: small appends, and what is lent to it.
#include <benchmark/benchmark.h>
#include <tern/base/Buffer.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::bench {
namespace {

// Verifies that all went through the buffer, and that nothing is left.
void finish(benchmark::State& state, const Buffer& buffer, std::size_t seen, std::size_t perTurn) {
  if (!buffer.empty() || seen != static_cast<std::size_t>(state.iterations()) * perTurn) {
    state.SkipWithError("bytes were lost");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(seen));
}

void appendAndRetrieve(benchmark::State& state) {
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  Buffer buffer;
  std::size_t seen = 0;
  for (auto _ : state) {
    buffer.append(message);
    benchmark::DoNotOptimize(buffer.peek());
    seen += buffer.readableBytes();
    buffer.retrieve(message.size());
  }
  finish(state, buffer, seen, message.size());
}
BENCHMARK(appendAndRetrieve)->Arg(16)->Arg(64)->Arg(1024);

// The usual case: the reader takes all that arrived.
void lendAndReadWhole(benchmark::State& state) {
  const std::string received(static_cast<std::size_t>(state.range(0)), 'x');
  Buffer buffer;
  std::size_t seen = 0;
  for (auto _ : state) {
    buffer.lend(received);
    benchmark::DoNotOptimize(buffer.peek());
    seen += buffer.readableBytes();
    buffer.retrieveAll();
    buffer.settle();
  }
  finish(state, buffer, seen, received.size());
}
BENCHMARK(lendAndReadWhole)->Arg(64)->Arg(65536);

// Every receive ends in the middle of a message, whose first half must be kept.
void lendAndKeepARest(benchmark::State& state) {
  const std::string received(static_cast<std::size_t>(state.range(0)), 'x');
  const std::size_t half = received.size() / 2;
  Buffer buffer;
  std::size_t seen = 0;
  for (auto _ : state) {
    buffer.lend(received);
    benchmark::DoNotOptimize(buffer.peek());
    buffer.retrieve(half);
    buffer.settle();
    buffer.lend(std::string_view(received).substr(0, half));
    seen += half + buffer.readableBytes();
    buffer.retrieveAll();
    buffer.settle();
  }
  finish(state, buffer, seen, received.size() + half);
}
BENCHMARK(lendAndKeepARest)->Arg(128)->Arg(65536);

void readInt32(benchmark::State& state) {
  std::array<char, 4096> received{};
  for (std::size_t i = 3; i < received.size(); i += 4) received[i] = 1;
  Buffer buffer;
  std::int64_t sum = 0;
  for (auto _ : state) {
    buffer.lend(received);
    while (!buffer.empty()) sum += buffer.readInt32();
    buffer.settle();
  }
  const std::int64_t read = state.iterations() * static_cast<std::int64_t>(received.size() / 4);
  if (sum != read) state.SkipWithError("the integers are wrong");
  state.SetItemsProcessed(read);
}
BENCHMARK(readInt32);

}  // namespace
}  // namespace tern::bench
