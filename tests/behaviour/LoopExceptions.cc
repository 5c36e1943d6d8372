// LoopExceptions: an exception that leaves a callback leaves loop(), and nothing else is lost.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Channel.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// Its own type: nothing in the library throws it.
struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class LoopExceptions : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
  std::vector<std::string> order_;
};

TEST_P(LoopExceptions, OutOfAFunctorLeaveTheRestForTheNextLoop) {
  loop_.queueInLoop([&] { order_.emplace_back("first"); });
  loop_.queueInLoop([] { throw Thrown("functor"); });
  loop_.queueInLoop([&] { order_.emplace_back("second"); });
  loop_.queueInLoop([&] { order_.emplace_back("third"); });
  EXPECT_THROW(run(loop_), Thrown);
  EXPECT_EQ(order_, (std::vector<std::string>{"first"}));
  runTurns(loop_, 2);
  EXPECT_EQ(order_, (std::vector<std::string>{"first", "second", "third"}));
}

TEST_P(LoopExceptions, OfEachFunctorLeaveLoopOneByOne) {
  for (int i = 0; i < 5; ++i) {
    loop_.queueInLoop([i] { throw Thrown(std::to_string(i)); });
  }
  for (int i = 0; i < 5; ++i) {
    try {
      run(loop_);
      FAIL() << "functor " << i << " did not throw";
    } catch (const Thrown& thrown) {
      EXPECT_EQ(thrown.what(), std::to_string(i));
    }
  }
  runTurns(loop_, 2);
}

TEST_P(LoopExceptions, WhatWasQueuedBeforeTheOneThatThrewGoesAheadOfWhatIsQueuedAfter) {
  loop_.queueInLoop([] { throw Thrown("functor"); });
  loop_.queueInLoop([&] { order_.emplace_back("before"); });
  EXPECT_THROW(run(loop_), Thrown);
  loop_.queueInLoop([&] { order_.emplace_back("after"); });
  runTurns(loop_, 3);
  EXPECT_EQ(order_, (std::vector<std::string>{"before", "after"}));
}

TEST_P(LoopExceptions, OfAnyTypePassThrough) {
  loop_.queueInLoop([] { throw 42; });
  EXPECT_THROW(run(loop_), int);
  runTurns(loop_, 2);
}

TEST_P(LoopExceptions, OutOfATimerLeaveItsSiblingsForTheNextLoop) {
  const Timestamp when = Clock::now();
  loop_.runAt(when, [&] { order_.emplace_back("first"); });
  loop_.runAt(when, [] { throw Thrown("timer"); });
  loop_.runAt(when, [&] { order_.emplace_back("second"); });
  EXPECT_THROW(run(loop_), Thrown);
  EXPECT_EQ(order_, (std::vector<std::string>{"first"}));
  runUntil(loop_, [&] { return order_.size() == 2; });
  EXPECT_EQ(order_, (std::vector<std::string>{"first", "second"}));
}

TEST_P(LoopExceptions, OutOfARepeatingTimerDoNotEndIt) {
  int calls = 0;
  loop_.runEvery(1ms, [&] {
    if (++calls <= 3) throw Thrown("timer");
  });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THROW(run(loop_), Thrown);
    EXPECT_EQ(calls, i);
  }
  runUntil(loop_, [&] { return calls >= 5; });
}

TEST_P(LoopExceptions, OutOfAChannelLoseNoEventOfTheBatch) {
  constexpr std::size_t kChannels = 5;
  std::array<UniqueFd, kChannels> fds;
  std::vector<std::unique_ptr<Channel>> channels;
  std::array<int, kChannels> calls{};
  for (std::size_t i = 0; i < kChannels; ++i) {
    fds[i] = makeEventFd(1);
    channels.push_back(std::make_unique<Channel>(loop_.poller(), fds[i].get()));
    channels[i]->setReadCallback([&, i](Timestamp) {
      readFrom(fds[i]);
      ++calls[i];
      throw Thrown("channel");
    });
    channels[i]->enableReading();
  }
  for (std::size_t i = 0; i < kChannels; ++i) EXPECT_THROW(run(loop_), Thrown);
  EXPECT_EQ(calls, (std::array{1, 1, 1, 1, 1}));
  runTurns(loop_, 3);
  EXPECT_EQ(calls, (std::array{1, 1, 1, 1, 1}));
}

TEST_P(LoopExceptions, OutOfAChannelLeaveItWatched) {
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  int calls = 0;
  channel.setReadCallback([&](Timestamp) {
    if (++calls <= 3) throw Thrown("channel");
    loop_.quit();
  });
  channel.enableReading();
  for (int i = 0; i < 3; ++i) EXPECT_THROW(run(loop_), Thrown);
  run(loop_);
  EXPECT_EQ(calls, 4);
}

TEST_P(LoopExceptions, OutOfAChannelThatDestroyedItself) {
  const UniqueFd fd = makeEventFd(1);
  auto channel = std::make_unique<Channel>(loop_.poller(), fd.get());
  channel->setReadCallback([&](Timestamp) {
    channel.reset();
    throw Thrown("channel");
  });
  channel->enableReading();
  EXPECT_THROW(run(loop_), Thrown);
  runTurns(loop_, 3);
}

TEST_P(LoopExceptions, OutOfATurnEndTaskLeaveTheOthersForTheNextTurn) {
  auto ran = std::make_shared<int>(0);
  const auto count = [](void* counter) { ++*static_cast<int*>(counter); };
  loop_.queueInLoop([&] {
    loop_.atTurnEnd(ran, count);
    loop_.atTurnEnd(ran, [](void*) { throw Thrown("turn end"); });
    loop_.atTurnEnd(ran, count);
    loop_.atTurnEnd(ran, count);
  });
  EXPECT_THROW(run(loop_), Thrown);
  EXPECT_EQ(*ran, 1);
  runTurns(loop_, 2);
  EXPECT_EQ(*ran, 3);
}

TEST_P(LoopExceptions, AfterQuitStillLeaveTheQuitInForce) {
  loop_.queueInLoop([&] {
    loop_.quit();
    throw Thrown("functor");
  });
  loop_.queueInLoop([&] { order_.emplace_back("rest"); });
  EXPECT_THROW(run(loop_), Thrown);
  run(loop_);
  EXPECT_EQ(order_, (std::vector<std::string>{"rest"}));
}

TEST_P(LoopExceptions, WhileLoopDrainsAfterQuitLoseNothing) {
  loop_.queueInLoop([] { throw Thrown("functor"); });
  loop_.queueInLoop([&] { order_.emplace_back("rest"); });
  loop_.quit();
  EXPECT_THROW(run(loop_), Thrown);
  run(loop_);
  EXPECT_EQ(order_, (std::vector<std::string>{"rest"}));
}

TEST_P(LoopExceptions, ManyInARowLeaveTheLoopUsable) {
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  channel.setReadCallback([](Timestamp) { throw Thrown("channel"); });
  channel.enableReading();
  loop_.runEvery(100us, [] { throw Thrown("timer"); });
  for (int i = 0; i < 500; ++i) {
    loop_.queueInLoop([] { throw Thrown("functor"); });
    EXPECT_THROW(run(loop_), Thrown);
  }
}

TEST_P(LoopExceptions, OutOfAChannelInEachTurnStarveNobody) {
  TcpConnectionPtr connection;
  TcpServer server(&loop_, SocketAddress(0, true), "test");
  server.setConnectionCallback([&](const TcpConnectionPtr& up) { connection = up; });
  server.start();
  Peer peer(server.address());
  runUntil(loop_, [&] { return connection != nullptr; });
  // Readable all the time; the one in the middle throws, so that there is one behind it in any
  // order.
  const std::array fds{makeEventFd(1), makeEventFd(1), makeEventFd(1)};
  std::array<int, 3> calls{};
  std::vector<std::unique_ptr<Channel>> channels;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    channels.push_back(std::make_unique<Channel>(loop_.poller(), fds[i].get()));
    channels[i]->setReadCallback([&calls, i](Timestamp) {
      ++calls[i];
      if (i == 1) throw Thrown("channel");
    });
    channels[i]->enableReading();
  }
  bool timerFired = false;
  loop_.runAfter(0s, [&] { timerFired = true; });
  loop_.queueInLoop([&] {
    connection->send("sent");
    order_.emplace_back("functor");
  });
  for (int i = 0; i < 50; ++i) EXPECT_THROW(run(loop_), Thrown);
  EXPECT_EQ(calls[1], 50);
  EXPECT_GE(calls[0], 20);
  EXPECT_GE(calls[2], 20);
  EXPECT_TRUE(timerFired);
  EXPECT_EQ(order_, (std::vector<std::string>{"functor"}));
  EXPECT_EQ(peer.receiveExactly(4), "sent");
}

TERN_ON_EACH_POLLER(LoopExceptions);

}  // namespace
}  // namespace tern::testing
