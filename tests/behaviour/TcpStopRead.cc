// TcpStopRead: stopRead() and startRead() under fire. No message callback while stopped, and
// nothing lost or reordered.
#include <atomic>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpStopRead : public ServerFixture {
 protected:
  // As much as keeps a loop busy for a while, by the poller's speed.
  [[nodiscard]] std::string stream() const {
    return patternOf(GetParam().isTiny() ? 20'000 : 2'000'000);
  }

  // Collects what arrives, and then calls `more`.
  void serveCollecting(const std::function<void(const TcpConnectionPtr&)>& more) {
    serveMessages([this, more](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      if (!connection->isReading()) ++calledWhileStopped_;
      got_.put(buffer->retrieveAllAsString());
      if (more) more(connection);
    });
  }

  // Waits for the loop to do all that it has to do by now, on this and on other connections.
  void letTheLoopTurn() {
    for (int i = 0; i < 20; ++i) runOnLoop([] {});
  }

  Mailbox<std::string> got_;
  Mailbox<bool> reading_;
  std::atomic<int> calledWhileStopped_ = 0;
};

TEST_P(TcpStopRead, BeforeTheFirstByteHoldsTheMessageCallbackBack) {
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveCollecting({});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("early");
  letTheLoopTurn();
  EXPECT_EQ(got_.total(), 0U);
  connection->startRead();
  EXPECT_EQ(takeBytes(got_, 5), "early");
}

TEST_P(TcpStopRead, InTheMessageCallbackMakesItTheLastUntilStartRead) {
  serveCollecting([](const TcpConnectionPtr& connection) { connection->stopRead(); });
  const std::string all = stream();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  auto sending = std::async(std::launch::async, [&] { peer.sendAll(all); });
  std::string got;
  for (int round = 0; round < 20 && got.size() < all.size(); ++round) {
    got += got_.take();
    letTheLoopTurn();
    EXPECT_EQ(got_.size(), 0U) << "a message callback after stopRead()";
    connection->startRead();
  }
  runOnLoop([&] {
    connection->setMessageCallback(
        [this](const auto&, Buffer* buffer, auto) { got_.put(buffer->retrieveAllAsString()); });
  });
  connection->startRead();
  got += takeBytes(got_, all.size() - got.size());
  expectSameBytes(got, all);
  sending.get();
}

TEST_P(TcpStopRead, AndStartReadFromAFunctorEachTimeLoseNothing) {
  serveCollecting([](const TcpConnectionPtr& connection) {
    connection->stopRead();
    connection->getLoop()->queueInLoop([connection] { connection->startRead(); });
  });
  const std::string all = stream();
  Peer peer(address());
  peer.sendAll(all);
  expectSameBytes(takeBytes(got_, all.size()), all);
  EXPECT_EQ(calledWhileStopped_, 0);
}

TEST_P(TcpStopRead, AndStartReadManyTimesInOneCallbackLoseNothing) {
  serveCollecting([](const TcpConnectionPtr& connection) {
    for (int i = 0; i < 3; ++i) {
      connection->stopRead();
      connection->startRead();
    }
  });
  const std::string all = stream();
  Peer peer(address());
  peer.sendAll(all);
  expectSameBytes(takeBytes(got_, all.size()), all);
}

TEST_P(TcpStopRead, AndStartReadByAnotherThreadLoseNothing) {
  serveCollecting({});
  const std::string all = stream();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  auto toggling = std::async(std::launch::async, [&] {
    for (int i = 0; i < 1000; ++i) {
      connection->stopRead();
      // Sometimes the loop sees the one before the other.
      if (i % 3 == 0) runOnLoop([] {});
      connection->startRead();
    }
  });
  auto sending = std::async(std::launch::async, [&] { peer.sendAll(all); });
  expectSameBytes(takeBytes(got_, all.size()), all);
  toggling.get();
  sending.get();
  EXPECT_EQ(calledWhileStopped_, 0);
}

TEST_P(TcpStopRead, ByAnotherConnectionsCallbackOfTheSameTurnIsInTime) {
  // Whoever is called first stops all the others.
  auto connections = std::make_shared<std::vector<TcpConnectionPtr>>();
  onUp = [connections](const TcpConnectionPtr& connection) { connections->push_back(connection); };
  serveCollecting([connections](const TcpConnectionPtr& first) {
    for (const TcpConnectionPtr& connection : *connections) {
      if (connection != first) connection->stopRead();
    }
  });
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    accepted();
  }
  {
    const LoopHold hold(loop());
    for (const auto& peer : peers) peer->sendAll("x");
  }
  got_.take();
  letTheLoopTurn();
  EXPECT_EQ(got_.total(), 1U);
  runOnLoop([&] {
    for (const TcpConnectionPtr& connection : *connections) {
      connection->setMessageCallback(
          [this](const auto&, Buffer* buffer, auto) { got_.put(buffer->retrieveAllAsString()); });
      connection->startRead();
    }
    connections->clear();
  });
  EXPECT_EQ(takeBytes(got_, 9), "xxxxxxxxx");
  EXPECT_EQ(calledWhileStopped_, 0);
}

TEST_P(TcpStopRead, WithBytesLeftUnreadShowsThemAgainWithMoreBehindThem) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    got_.put(std::string(buffer->view()));
    if (buffer->view() == "abc") {
      buffer->retrieve(1);
      connection->stopRead();
    }
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("abc");
  EXPECT_EQ(got_.take(), "abc");
  peer.sendAll("d");
  letTheLoopTurn();
  EXPECT_EQ(got_.total(), 1U);
  EXPECT_EQ(runOnLoop([&] { return std::string(connection->inputBuffer()->view()); }), "bc");
  connection->startRead();
  EXPECT_EQ(got_.take(), "bcd");
}

TEST_P(TcpStopRead, SlowsThePeerDown) {
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveCollecting({});
  Peer peer(address());
  // Less for the kernel to hold, and for small receives to take out again.
  const int small = 16 * 1024;
  ASSERT_EQ(::setsockopt(peer.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const TcpConnectionPtr connection = accepted();
  std::string sent;
  for (unsigned i = 0;; ++i) {
    const std::string piece = patternOf(1 << 14U, i);
    const long n = peer.sendNow(piece);
    if (n < 0) break;
    sent += piece.substr(0, static_cast<std::size_t>(n));
    ASSERT_LT(sent.size(), std::size_t{64} << 20U) << "nothing slows the peer down";
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(got_.total(), 0U);
  connection->startRead();
  expectSameBytes(takeBytes(got_, sent.size()), sent);
}

TEST_P(TcpStopRead, KeepsTheEndOfFileForLater) {
  serveCollecting([](const TcpConnectionPtr& connection) { connection->stopRead(); });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll("last words");
    peer.shutdownWrite();
  }
  std::string got = got_.take();
  letTheLoopTurn();
  EXPECT_TRUE(connection->connected());
  while (got.size() < 10) {
    connection->startRead();
    got += got_.take();
  }
  EXPECT_EQ(got, "last words");
  connection->startRead();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpStopRead, LeavesSendingAlone) {
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveCollecting({});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const std::string much = patternOf(3'000'000);
  connection->send(std::string_view(much));
  expectSameBytes(peer.receiveExactly(much.size()), much);
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
}

TEST_P(TcpStopRead, IsWhatAForcedCloseLooksLikeToTheCallbackThatAsksForIt) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    reading_.put(connection->isReading());
    connection->forceClose();
    reading_.put(connection->isReading());
    connection->startRead();
    reading_.put(connection->isReading());
  });
  Peer peer(address());
  peer.sendAll("x");
  EXPECT_TRUE(reading_.take());
  EXPECT_FALSE(reading_.take());
  EXPECT_FALSE(reading_.take());
  EXPECT_EQ(closed().reason, std::error_code());
}

TERN_ON_EACH_POLLER(TcpStopRead);

}  // namespace
}  // namespace tern::testing
