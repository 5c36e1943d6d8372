// ChannelBench: what it costs a poller that a channel changes its interest, and to hand out a turn
// of N ready channels.
#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <tern/base/UniqueFd.h>
#include <tern/poller/Channel.h>
#include <tern/poller/Poller.h>

#include <memory>
#include <vector>

#include "Pollers.h"

namespace tern::bench {
namespace {

class Counter final : public ChannelHandler {
 public:
  void onEvents(EventMask) override { ++events; }

  std::int64_t events = 0;
};

// Back and forth between two turns, as when a reply just fits into the socket after all.
void flipInterest(benchmark::State& state) {
  const auto poller = pollerOf(state, state.range(0));
  if (poller == nullptr) return;
  const UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  Counter counter;
  Channel channel(*poller, fd.get(), counter);
  channel.enableReading();
  for (auto _ : state) {
    channel.enableWriting();
    channel.disableWriting();
  }
  poller->runOnce(Duration(0));
  if (counter.events != 0 || !channel.isReading()) state.SkipWithError("an event came unasked");
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(flipInterest)->DenseRange(0, 2);

// With a turn after each change, so that every poller must tell the kernel.
void flipInterestAndWait(benchmark::State& state) {
  const auto poller = pollerOf(state, state.range(0));
  if (poller == nullptr) return;
  const UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  Counter counter;
  Channel channel(*poller, fd.get(), counter);
  channel.enableReading();
  for (auto _ : state) {
    channel.enableWriting();
    poller->runOnce(Duration(0));
    channel.disableWriting();
    poller->runOnce(Duration(0));
  }
  if (counter.events != state.iterations()) state.SkipWithError("an event was lost");
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(flipInterestAndWait)->DenseRange(0, 2);

// Every channel is ready, and stays so: a turn brings an event for each.
void readyChannels(benchmark::State& state) {
  const auto poller = pollerOf(state, state.range(0));
  if (poller == nullptr) return;
  std::vector<UniqueFd> fds;
  std::vector<std::unique_ptr<Channel>> channels;
  Counter counter;
  for (std::int64_t i = 0; i < state.range(1); ++i) {
    fds.emplace_back(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
    channels.push_back(std::make_unique<Channel>(*poller, fds.back().get(), counter));
    channels.back()->enableReading();
  }
  // The first turns may have to make room for so many.
  for (int i = 0; i < 10; ++i) poller->runOnce(Duration(0));
  counter.events = 0;
  for (auto _ : state) poller->runOnce(Duration(0));
  if (counter.events != state.iterations() * state.range(1)) {
    state.SkipWithError("a turn did not bring all events");
  }
  state.SetItemsProcessed(counter.events);
}
BENCHMARK(readyChannels)->ArgsProduct({{0, 1, 2}, {1, 10, 100, 1000}});

}  // namespace
}  // namespace tern::bench
