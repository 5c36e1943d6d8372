// TcpSyscalls: what a message costs in system calls, counted by the poller while a hundred
// connections are busy.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kPeers = 100;
constexpr std::size_t kRounds = 20;
constexpr std::size_t kMessages = kPeers * kRounds;

class TcpSyscalls : public ServerFixture {
 protected:
  // Echoes a message to each peer, kRounds times; all of a round's arrive while the loop is held.
  PollerStats costOfMessages() {
    serveEcho();
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::size_t i = 0; i < kPeers; ++i) {
      peers.push_back(std::make_unique<Peer>(address()));
      accepted();
    }
    const std::string message = patternOf(64);
    const PollerStats before = stats();
    for (std::size_t round = 0; round < kRounds; ++round) {
      {
        const LoopHold hold(loop());
        for (const auto& peer : peers) peer->sendAll(message);
      }
      for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(message.size()), message);
    }
    const PollerStats after = stats();
    return {after.waits - before.waits, after.receives - before.receives,
            after.sends - before.sends, 0};
  }

  PollerStats stats() {
    return runOnLoop([this] { return loop().poller().stats(); });
  }
};

TEST_P(TcpSyscalls, AreFewForAMessageOnABusyLoop) {
  if (GetParam().isTiny()) GTEST_SKIP() << "two buffers of eight bytes: a turn for each 16 bytes";
  const PollerStats cost = costOfMessages();
  EXPECT_EQ(cost.sends, kMessages);
  if (GetParam().name == "io_uring") {
    // The kernel receives and sends within the calls that wait.
    EXPECT_LT(cost.waits * 10, kMessages);
  } else {
    EXPECT_LE(cost.waits + cost.receives + cost.sends, kMessages * 22 / 10);
  }
}

TERN_ON_EACH_POLLER(TcpSyscalls);

}  // namespace
}  // namespace tern::testing
