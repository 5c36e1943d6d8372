// LoopBusyPoll: a loop that looks for events before it sleeps misses nothing, and does sleep.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Poller.h>

#include <chrono>
#include <stdexcept>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopBusyPoll : public ServerFixture {
 protected:
  // Far longer than a test takes: the loop never sleeps.
  void serveBusily(Delay duration = 1h) {
    serveEcho();
    runOnLoop([&] { loop().setBusyPoll(duration); });
  }
};

TEST_P(LoopBusyPoll, ServesAndAccepts) {
  serveBusily();
  for (int i = 0; i < 3; ++i) {
    Peer peer(address());
    for (int n = 0; n < 10; ++n) {
      peer.sendAll("ping");
      EXPECT_EQ(peer.receiveExactly(4), "ping");
    }
  }
}

TEST_P(LoopBusyPoll, RunsFunctorsOfOtherThreads) {
  serveBusily();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(runOnLoop([&] { return i; }), i);
}

TEST_P(LoopBusyPoll, FiresTimers) {
  serveBusily();
  Mailbox<Timestamp> fired;
  const Timestamp when = Clock::now() + 2ms;
  loop().runAt(when, [&] { fired.put(Clock::now()); });
  EXPECT_GE(fired.take(), when);
}

TEST_P(LoopBusyPoll, IsEndedByAnotherThread) {
  serveBusily();
  stop();
}

TEST_P(LoopBusyPoll, ExceptionsLeaveIt) {
  serveBusily();
  loop().queueInLoop([] { throw std::runtime_error("busy"); });
  EXPECT_EQ(loopThread().escaped().take(), "busy");
  Peer peer(address());
  peer.sendAll("ping");
  EXPECT_EQ(peer.receiveExactly(4), "ping");
}

TEST_P(LoopBusyPoll, SleepsWhenNothingHasHappenedForSoLong) {
  serveBusily(1us);
  EXPECT_LT(statsOfTicks(5, 10ms).waits, 300U);
}

TEST_P(LoopBusyPoll, IsOffAgainForZeroAndForLess) {
  for (const Delay off : {Delay(0s), Delay(-1h)}) {
    serveBusily();
    runOnLoop([&] { loop().setBusyPoll(off); });
    EXPECT_LT(statsOfTicks(5, 2ms).waits, 100U);
    stop();
  }
}

TERN_ON_EACH_POLLER(LoopBusyPoll);

}  // namespace
}  // namespace tern::testing
