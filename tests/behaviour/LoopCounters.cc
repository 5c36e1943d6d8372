// LoopCounters: what EventLoop::stats() tells of turns, events, functors, timers and connections.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/LoopStats.h>
#include <tern/net/TcpServer.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LoopCounters : public ServerFixture {};

TEST_P(LoopCounters, OfANewLoopAreZero) {
  EventLoop loop(GetParam().spec);
  const LoopStats stats = loop.stats();
  EXPECT_EQ(stats.turns + stats.events + stats.mostEvents, 0U);
  EXPECT_EQ(stats.functorsRun + stats.functorsWaiting, 0U);
  EXPECT_EQ(stats.timersFired + stats.timersPending, 0U);
  EXPECT_EQ(stats.connections, 0U);
}

TEST_P(LoopCounters, GrowWithEachTurn) {
  EventLoop loop(GetParam().spec);
  runTurns(loop, 10);
  EXPECT_GE(loop.stats().turns, 10U);
  EXPECT_LE(loop.stats().turns, 12U);
}

TEST_P(LoopCounters, KnowTheFunctorsThatRanAndThoseThatWait) {
  serveEcho();
  std::uint64_t before = 0;
  {
    const LoopHold hold(loop());
    before = loop().stats().functorsRun;
    for (int i = 0; i < 5; ++i) loop().queueInLoop([] {});
    EXPECT_EQ(loop().stats().functorsWaiting, 5U);
    EXPECT_EQ(loop().stats().functorsRun, before);
  }
  EXPECT_TRUE(eventually([&] { return loop().stats().functorsRun == before + 5; }));
  EXPECT_EQ(loop().stats().functorsWaiting, 0U);
}

TEST_P(LoopCounters, KnowTheTimersThatFiredAndThoseThatWait) {
  EventLoop loop(GetParam().spec);
  const TimerId far = loop.runAfter(1h, [] {});
  const TimerId farther = loop.runAfter(2h, [] {});
  int ticks = 0;
  const TimerId repeated = loop.runEvery(1ms, [&] {
    if (++ticks == 3) loop.quit();
  });
  loop.runAfter(0s, [] {});
  EXPECT_EQ(loop.stats().timersPending, 4U);
  loop.loop();
  EXPECT_EQ(loop.stats().timersFired, 4U);
  EXPECT_EQ(loop.stats().timersPending, 3U);
  for (const TimerId id : {far, farther, repeated, far}) loop.cancel(id);
  EXPECT_EQ(loop.stats().timersPending, 0U);
}

TEST_P(LoopCounters, KnowTheTimersOfOtherThreads) {
  serveEcho();
  const std::size_t ofTheServer = loop().stats().timersPending;
  std::vector<TimerId> ids(3);
  for (TimerId& id : ids) id = loop().runAfter(1h, [] {});
  EXPECT_TRUE(eventually([&] { return loop().stats().timersPending == ofTheServer + 3; }));
  for (const TimerId id : ids) loop().cancel(id);
  EXPECT_TRUE(eventually([&] { return loop().stats().timersPending == ofTheServer; }));
}

TEST_P(LoopCounters, KnowTheBusiestTurn) {
  serveEcho();
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    accepted();
  }
  {
    const LoopHold hold(loop());
    for (const auto& peer : peers) peer->sendAll("x");
  }
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(1), "x");
  EXPECT_TRUE(eventually([&] { return loop().stats().mostEvents >= 5; }));
  EXPECT_GE(loop().stats().events, loop().stats().mostEvents);
  EXPECT_LE(loop().stats().mostEvents, 64U);
}

TEST_P(LoopCounters, KnowTheConnectionsAndWhatTheyAskOfTheKernel) {
  serveEcho();
  Peer peer(address());
  accepted();
  EXPECT_EQ(loop().stats().connections, 1U);
  peer.sendAll("ping");
  EXPECT_EQ(peer.receiveExactly(4), "ping");
  EXPECT_TRUE(eventually([&] { return loop().stats().poller.sends == 1; }));
  const LoopStats stats = loop().stats();
  EXPECT_GE(stats.poller.receives, 1U);
  EXPECT_GE(stats.poller.accepts, 1U);
  EXPECT_GE(stats.poller.waits, 1U);
  peer.close();
  static_cast<void>(closed());
  EXPECT_TRUE(eventually([&] { return loop().stats().connections == 0; }));
}

TEST_P(LoopCounters, CanBeReadByAnotherThreadAtAnyTime) {
  serveEcho();
  std::atomic<bool> over{false};
  std::thread reader([&] {
    LoopStats last;
    while (!over) {
      const LoopStats now = loop().stats();
      EXPECT_GE(now.turns, last.turns);
      EXPECT_GE(now.events, last.events);
      EXPECT_GE(now.functorsRun, last.functorsRun);
      EXPECT_GE(now.poller.waits, last.poller.waits);
      last = now;
      std::this_thread::yield();
    }
  });
  Peer peer(address());
  for (int i = 0; i < 200; ++i) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
    loop().runAfter(0s, [] {});
  }
  over = true;
  reader.join();
}

TERN_ON_EACH_POLLER(LoopCounters);

}  // namespace
}  // namespace tern::testing
