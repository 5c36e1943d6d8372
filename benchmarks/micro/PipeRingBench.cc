// PipeRingBench: the classic benchmark of event loops, as libevent has it: N pipes, A of them
// active, W writes passed on from pipe to pipe; and what a hundred active descriptors cost when up
// to 10,000 are watched.
#include <benchmark/benchmark.h>
#include <event2/event.h>
#include <tern/poller/Channel.h>
#include <tern/poller/Poller.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "Pollers.h"
#include "Ring.h"

namespace tern::bench {
namespace {

class OnTern {
 public:
  OnTern(Poller& poller, Ring& ring) : poller_(poller) {
    for (std::size_t i = 0; i < ring.size(); ++i) {
      links_.push_back(std::make_unique<Link>(poller, ring, i));
    }
  }
  void turn() { poller_.runOnce(Duration(0)); }

 private:
  class Link final : private ChannelHandler {
   public:
    Link(Poller& poller, Ring& ring, std::size_t index)
        : ring_(ring), index_(index), channel_(poller, ring.reader(index), *this) {
      channel_.enableReading();
    }

   private:
    void onEvents(EventMask) override { ring_.receive(index_); }

    Ring& ring_;
    std::size_t index_;
    Channel channel_;
  };

  Poller& poller_;
  std::vector<std::unique_ptr<Link>> links_;
};

class OnLibevent {
 public:
  explicit OnLibevent(Ring& ring) : base_(event_base_new()) {
    links_.reserve(ring.size());
    for (std::size_t i = 0; i < ring.size(); ++i) {
      links_.push_back({&ring, i, nullptr});
      links_.back().node = event_new(
          base_, ring.reader(i), EV_READ | EV_PERSIST,
          [](evutil_socket_t, short, void* argument) {
            const auto* link = static_cast<Link*>(argument);
            link->ring->receive(link->index);
          },
          &links_.back());
      event_add(links_.back().node, nullptr);
    }
  }
  OnLibevent(const OnLibevent&) = delete;
  OnLibevent& operator=(const OnLibevent&) = delete;
  ~OnLibevent() {
    for (const Link& link : links_) event_free(link.node);
    event_base_free(base_);
  }
  void turn() { event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }

 private:
  struct Link {
    Ring* ring;
    std::size_t index;
    ::event* node;
  };

  event_base* base_;
  std::vector<Link> links_;
};

// Ends each iteration with all tokens taken, so that every event of it is counted.
template <class Loop>
void goRound(benchmark::State& state, Ring& ring, Loop& loop, std::size_t tokens,
             std::size_t passes) {
  for (auto _ : state) {
    ring.start(tokens, passes);
    while (!ring.atRest()) loop.turn();
  }
  const std::size_t expected = static_cast<std::size_t>(state.iterations()) * (tokens + passes);
  if (ring.received() != expected) state.SkipWithError("tokens were lost");
  state.SetItemsProcessed(static_cast<std::int64_t>(ring.received()));
}

constexpr std::int64_t kLibevent = 3;  // behind tern's pollers

void runRing(benchmark::State& state, Ring ring, std::size_t tokens, std::size_t passes) {
  if (state.range(0) == kLibevent) {
    state.SetLabel("libevent");
    OnLibevent loop(ring);
    goRound(state, ring, loop, tokens, passes);
  } else if (const auto poller = pollerOf(state, state.range(0))) {
    OnTern loop(*poller, ring);
    goRound(state, ring, loop, tokens, passes);
  }
}

bool haveDescriptors(benchmark::State& state, std::size_t count) {
  if (reserveDescriptors(count)) return true;
  state.SkipWithError(("RLIMIT_NOFILE allows fewer than " + std::to_string(count)).c_str());
  return false;
}

void pipeRing(benchmark::State& state) {
  const auto pipes = static_cast<std::size_t>(state.range(1));
  if (!haveDescriptors(state, 2 * pipes)) return;
  runRing(state, Ring::ofPipes(pipes), static_cast<std::size_t>(state.range(2)),
          static_cast<std::size_t>(state.range(3)));
}
BENCHMARK(pipeRing)
    ->ArgNames({"on", "pipes", "active", "writes"})
    ->ArgsProduct({{0, 1, 2, kLibevent}, {100, 1000}, {1, 100}, {1000}});

// Eventfds, which take one descriptor each where a pipe takes two. A thousand events, a hundred a
// turn: what an event costs grows with the descriptors that are idle, or it does not.
void hundredActive(benchmark::State& state) {
  constexpr std::size_t kActive = 100;
  const auto descriptors = static_cast<std::size_t>(state.range(1));
  if (!haveDescriptors(state, descriptors)) return;
  runRing(state, Ring::ofEventFds(descriptors), kActive, 9 * kActive);
}
BENCHMARK(hundredActive)
    ->ArgNames({"on", "descriptors"})
    ->ArgsProduct({{0, 1, 2, kLibevent}, {100, 1000, 10'000}});

}  // namespace
}  // namespace tern::bench
