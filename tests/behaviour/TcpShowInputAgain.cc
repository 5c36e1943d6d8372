// TcpShowInputAgain: a message callback that leaves whole messages unread gets them again, without
// more bytes, and before anything that comes behind them.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpShowInputAgain : public ServerFixture {
 protected:
  // Takes one byte a call, notes it, and lets `then` do the rest, which may ask for the others.
  void serveByteWise(const std::function<void(const TcpConnectionPtr&)>& then) {
    serve([&](TcpServer& server) {
      server.setMessageCallback(
          [this, then](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
            if (!connection->isReading()) got_.put("called while stopped");
            got_.put(buffer->retrieveAsString(1));
            then(connection);
          });
      server.setHalfCloseCallback([this](const TcpConnectionPtr& connection) {
        got_.put("|");
        connection->shutdown();
      });
    });
  }

  // Waits for the loop to do all that it has to do by now.
  void letTheLoopTurn() {
    for (int i = 0; i < 20; ++i) runOnLoop([] {});
  }

  Mailbox<std::string> got_;
};

TEST_P(TcpShowInputAgain, CallsAgainUntilNothingIsUnreadAndThenTellsOfTheEnd) {
  serveByteWise([](const TcpConnectionPtr& connection) { connection->showInputAgain(); });
  Peer peer(address());
  peer.sendAll("abcdef");
  peer.shutdownWrite();
  EXPECT_EQ(takeBytes(got_, 7), "abcdef|");
  EXPECT_EQ(peer.receiveUntilEof(), "");
}

TEST_P(TcpShowInputAgain, WaitsForStartReadAndKeepsTheEndBack) {
  serveByteWise([](const TcpConnectionPtr& connection) {
    connection->stopRead();
    connection->showInputAgain();
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll("abc");
    peer.shutdownWrite();
  }
  for (const char* expected : {"a", "b", "c"}) {
    EXPECT_EQ(got_.take(), expected);
    letTheLoopTurn();
    EXPECT_EQ(got_.size(), 0U);
    connection->startRead();
  }
  EXPECT_EQ(got_.take(), "|");
}

TEST_P(TcpShowInputAgain, SurvivesAnExceptionOfTheCallback) {
  serveByteWise([](const TcpConnectionPtr& connection) {
    connection->showInputAgain();
    throw std::runtime_error("thrown");
  });
  Peer peer(address());
  {
    const LoopHold hold(loop());
    peer.sendAll("abc");
  }
  EXPECT_EQ(takeBytes(got_, 3), "abc");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(loopThread().escaped().take(), "thrown");
  peer.sendAll("d");
  EXPECT_EQ(got_.take(), "d");
  EXPECT_EQ(loopThread().escaped().take(), "thrown");
}

TEST_P(TcpShowInputAgain, ComesOnceHoweverOftenReadingStopsAndStarts) {
  serveByteWise([](const TcpConnectionPtr& connection) {
    connection->showInputAgain();
    for (int i = 0; i < 5; ++i) {
      connection->stopRead();
      connection->startRead();
    }
  });
  const std::string all = patternOf(100);
  Peer peer(address());
  peer.sendAll(all);
  expectSameBytes(takeBytes(got_, all.size()), all);
  letTheLoopTurn();
  EXPECT_EQ(got_.size(), 0U);
}

TEST_P(TcpShowInputAgain, MeansNothingWhenNothingIsUnreadOrItCloses) {
  serveByteWise([](const TcpConnectionPtr& connection) {
    connection->showInputAgain();
    if (connection->inputBuffer()->empty()) return;
    connection->forceClose();
    connection->showInputAgain();
  });
  Peer one(address());
  accepted();
  one.sendAll("1");
  EXPECT_EQ(got_.take(), "1");
  letTheLoopTurn();
  Peer two(address());
  accepted();
  {
    const LoopHold hold(loop());
    two.sendAll("23");
  }
  EXPECT_EQ(got_.take(), "2");
  closed();
  letTheLoopTurn();
  EXPECT_EQ(got_.size(), 0U);
}

TERN_ON_EACH_POLLER(TcpShowInputAgain);

}  // namespace
}  // namespace tern::testing
