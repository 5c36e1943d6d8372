// TcpHalfClose: either side ends its sending first, and nothing that was sent before is lost.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kSmallBuffer = 64 * 1024;
// More than the kernel holds for a peer that does not read: up to 4 MiB by tcp_wmem.
const std::size_t kMuch = std::size_t{12} << 20U;

class TcpHalfClose : public ServerFixture {
 protected:
  MessageCallback collect() {
    return [this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
      got_.put(buffer->retrieveAllAsString());
    };
  }
  void serveWithHalfClose(const HalfCloseCallback& onHalfClose) {
    serve([&](TcpServer& server) {
      server.setMessageCallback(collect());
      server.setHalfCloseCallback([this, onHalfClose](const TcpConnectionPtr& connection) {
        if (onHalfClose) onHalfClose(connection);
        halfCloses_.put(connection);
      });
    });
  }

  Mailbox<std::string> got_;
  Mailbox<TcpConnectionPtr> halfCloses_;
};

TEST_P(TcpHalfClose, ByThePeerClosesTheConnectionByDefault) {
  serveEcho();
  Peer peer(address());
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByThePeerComesAfterItsLastWordsAndTheirAnswer) {
  serveEcho();
  const std::string words = patternOf(1000);
  Peer peer(address());
  peer.sendAll(words);
  peer.shutdownWrite();
  expectSameBytes(peer.receiveUntilEof(), words);
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByThePeerWithOurOutputPendingLosesNothing) {
  const std::string much = patternOf(kMuch);
  onUp = [much](const TcpConnectionPtr& connection) { connection->send(std::string(much)); };
  serveEcho();
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  peer.shutdownWrite();
  // The server has seen the end, and holds what the peer has not read.
  ASSERT_TRUE(eventually([&] { return !connection->connected(); }));
  EXPECT_FALSE(connection->disconnected());
  EXPECT_GT(runOnLoop([&] { return connection->outputBytes(); }), 0U);
  expectSameBytes(peer.receiveUntilEof(), much);
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByThePeerLeavesTheConnectionUpForSendingIfThereIsACallback) {
  serveWithHalfClose({});
  Peer peer(address());
  peer.sendAll("question");
  peer.shutdownWrite();
  const TcpConnectionPtr connection = halfCloses_.take();
  EXPECT_EQ(takeBytes(got_, 8), "question");
  EXPECT_TRUE(connection->connected());
  runOnLoop([&] { connection->send("from the loop, "); });
  EXPECT_EQ(peer.receiveExactly(15), "from the loop, ");
  connection->send("from a thread");
  EXPECT_EQ(peer.receiveExactly(13), "from a thread");
  EXPECT_EQ(downs().total(), 0U);
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(closed().reason, std::error_code());
  EXPECT_EQ(halfCloses_.total(), 1U);
}

TEST_P(TcpHalfClose, ByThePeerAnsweredWithShutdownInItsCallbackDeliversWhatWasSentThere) {
  const std::string much = patternOf(kMuch);
  serveWithHalfClose([much](const TcpConnectionPtr& connection) {
    connection->send(std::string_view(much));
    connection->shutdown();
  });
  Peer peer(address(), kSmallBuffer);
  peer.shutdownWrite();
  expectSameBytes(peer.receiveUntilEof(), much);
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByThePeerReachesACallbackSetForOneConnection) {
  onUp = [this](const TcpConnectionPtr& connection) {
    connection->setHalfCloseCallback([this](const TcpConnectionPtr& ended) {
      ended->send("noticed");
      ended->shutdown();
      halfCloses_.put(ended);
    });
  };
  serveEcho();
  Peer peer(address());
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "noticed");
  EXPECT_EQ(halfCloses_.total(), 1U);
}

TEST_P(TcpHalfClose, ByThePeerWhileReadingIsStoppedIsToldAfterTheBytesBeforeIt) {
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveWithHalfClose([this](const TcpConnectionPtr&) { got_.put("|"); });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("before");
  peer.shutdownWrite();
  // The loop turns: what comes too early would come now.
  for (int i = 0; i < 10; ++i) runOnLoop([] {});
  EXPECT_EQ(got_.total(), 0U);
  connection->startRead();
  EXPECT_EQ(takeBytes(got_, 7), "before|");
}

TEST_P(TcpHalfClose, ByUsLeavesThePeerFreeToSend) {
  onUp = [](const TcpConnectionPtr& connection) {
    connection->send("bye");
    connection->shutdown();
  };
  serveMessages(collect());
  const std::string much = patternOf(GetParam().isTiny() ? 20'000 : 1'000'000);
  Peer peer(address());
  EXPECT_EQ(peer.receiveUntilEof(), "bye");
  const TcpConnectionPtr connection = accepted();
  EXPECT_FALSE(connection->connected());
  EXPECT_FALSE(connection->disconnected());
  peer.sendAll(much);
  expectSameBytes(takeBytes(got_, much.size()), much);
  EXPECT_EQ(downs().total(), 0U);
  peer.close();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByUsComesAfterAllPendingOutput) {
  const std::string much = patternOf(kMuch);
  serveMessages([much](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->send(std::string_view(much));
    connection->shutdown();
    connection->send("dropped: after shutdown()");
    connection->shutdown();
  });
  Peer peer(address(), kSmallBuffer);
  peer.sendAll("?");
  expectSameBytes(peer.receiveUntilEof(), much);
  peer.close();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpHalfClose, ByBothAtOnceIsOneClose) {
  serveWithHalfClose({});
  for (int round = 0; round < 20; ++round) {
    Peer peer(address());
    const TcpConnectionPtr connection = accepted();
    {
      const LoopHold hold(loop());
      connection->send("last");
      connection->shutdown();
      peer.sendAll("words");
      peer.shutdownWrite();
    }
    EXPECT_EQ(peer.receiveUntilEof(), "last");
    EXPECT_EQ(takeBytes(got_, 5), "words");
    EXPECT_EQ(closed().reason, std::error_code());
  }
}

TEST_P(TcpHalfClose, IsNotWaitedForByForceClose) {
  const std::string much = patternOf(kMuch);
  onUp = [much](const TcpConnectionPtr& connection) { connection->send(std::string(much)); };
  serveEcho();
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  connection->forceClose();
  EXPECT_EQ(closed().reason, std::error_code());
  EXPECT_TRUE(connection->disconnected());
  EXPECT_LT(peer.receiveUntilEnd().bytes.size(), much.size());
}

TERN_ON_EACH_POLLER(TcpHalfClose);

}  // namespace
}  // namespace tern::testing
