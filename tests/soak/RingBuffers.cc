// RingBuffers: the loop is held while the bytes come.
#include "RingBuffers.h"

#include <tern/net/EventLoop.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "Messages.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::soak {
namespace {

// What is missing stays missing; anything else may meet one of these by chance.
constexpr int kRounds = 5;

std::uint64_t receivesOf(EventLoop& loop) {
  return testing::runOn(loop, [&loop] { return loop.poller().stats().receives; });
}

// Of one round, summed over the loops: how many receives there were that are one too many.
std::uint64_t surplusOfRound(const std::vector<EventLoop*>& loops,
                             std::vector<testing::Peer>& peers) {
  std::uint64_t before = 0;
  for (EventLoop* loop : loops) before += receivesOf(*loop);
  {
    std::vector<std::unique_ptr<testing::LoopHold>> holds;
    holds.reserve(loops.size());
    for (EventLoop* loop : loops) holds.push_back(std::make_unique<testing::LoopHold>(*loop));
    for (testing::Peer& peer : peers) peer.sendAll(asBytes(Header{}));
  }
  for (testing::Peer& peer : peers) static_cast<void>(peer.receiveExactly(sizeof(Header)));
  std::uint64_t after = 0;
  for (EventLoop* loop : loops) after += receivesOf(*loop);
  return after - before - peers.size();
}

}  // namespace

std::string missingRingBuffers(TcpServer& server) {
  const std::vector<EventLoop*> loops =
      testing::runOn(*server.getLoop(), [&] { return server.loops(); });
  std::vector<testing::Peer> peers;
  for (std::size_t i = 0; i < loops.size() * kRingBuffers; ++i) {
    peers.emplace_back(server.address());
    // Answered: it is served, and its receive waits.
    peers.back().sendAll(asBytes(Header{}));
    static_cast<void>(peers.back().receiveExactly(sizeof(Header)));
  }
  for (const EventLoop* loop : loops) {
    if (loop->connectionCount() != kRingBuffers) return "the loops have no equal shares";
  }
  std::uint64_t surplus = 0;
  for (int round = 0; round < kRounds; ++round) {
    surplus = surplusOfRound(loops, peers);
    if (surplus == 0) return {};
  }
  return std::to_string(surplus) + " of " + std::to_string(peers.size()) +
         " streams found no receive buffer";
}

}  // namespace tern::soak
