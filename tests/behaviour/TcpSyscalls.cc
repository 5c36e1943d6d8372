// TcpSyscalls: what a message costs in system calls, counted by the poller while many connections
// are busy.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpSyscalls : public ServerFixture {
 protected:
  // For each message that was echoed, in percent. All messages of a round arrive while the loop is
  // held.
  PollerStats costOfMessages(std::size_t size, std::size_t peerCount, std::size_t rounds) {
    serveEcho();
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::size_t i = 0; i < peerCount; ++i) {
      peers.push_back(std::make_unique<Peer>(address()));
      accepted();
    }
    const std::string message = patternOf(size);
    const auto exchange = [&](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i) {
        {
          const LoopHold hold(loop());
          for (const auto& peer : peers) peer->sendAll(message);
        }
        for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(size), message);
      }
    };
    exchange(rounds);  // until each stream is known for what it is
    const PollerStats before = stats();
    exchange(rounds);
    const PollerStats after = stats();
    const std::size_t messages = peerCount * rounds;
    const auto each = [messages](std::uint64_t from, std::uint64_t to) {
      return (to - from) * 100 / messages;
    };
    return {each(before.waits, after.waits), each(before.receives, after.receives),
            each(before.sends, after.sends), 0};
  }

  PollerStats stats() {
    return runOnLoop([this] { return loop().poller().stats(); });
  }
};

TEST_P(TcpSyscalls, AreFewForAMessageOnABusyLoop) {
  if (GetParam().isTiny()) GTEST_SKIP() << "two buffers of eight bytes: a turn for each 16 bytes";
  const PollerStats cost = costOfMessages(64, 100, 20);
  EXPECT_EQ(cost.sends, 100U);
  if (GetParam().name == "io_uring") {
    // The kernel receives and sends within the calls that wait.
    EXPECT_LT(cost.waits, 10U);
  } else {
    EXPECT_LE(cost.waits + cost.receives + cost.sends, 220U);
  }
}

TEST_P(TcpSyscalls, AreFewForALargeMessageToo) {
  if (GetParam().isTiny()) GTEST_SKIP() << "two buffers of eight bytes: a turn for each 16 bytes";
  const PollerStats cost = costOfMessages(std::size_t{32} * 1024, 10, 20);
  EXPECT_LE(cost.sends, 120U);
  if (GetParam().name == "io_uring") {
    // A call for what is received, and with it what was queued for those before.
    EXPECT_LT(cost.waits, 150U);
  } else {
    EXPECT_LE(cost.waits + cost.receives + cost.sends, 250U);
  }
}

TERN_ON_EACH_POLLER(TcpSyscalls);

}  // namespace
}  // namespace tern::testing
