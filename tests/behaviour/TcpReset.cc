// TcpReset: the peer aborts with RST at every point of a connection's life. Each time there is one
// last connection callback, with a reason, and the server serves on.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kSmallBuffer = 64 * 1024;
const std::size_t kMuch = std::size_t{12} << 20U;

class TcpReset : public ServerFixture {
 protected:
  // The next connection that goes down does so because of the reset, and others are served still.
  void expectReset() {
    const std::error_code reason = closed().reason;
    EXPECT_TRUE(reason == std::errc::connection_reset || reason == std::errc::broken_pipe)
        << "reason: " << reason.message();
    EXPECT_EQ(downs().total(), ups().total());
    Peer another(address());
    TcpConnectionPtr connection = accepted();
    while (connection->disconnected()) connection = accepted();
    runOn(*connection->getLoop(), [&] { connection->send("alive"); });
    EXPECT_EQ(another.receiveExactly(5), "alive");
    connection->forceClose();
    EXPECT_EQ(closed().connection, connection);
  }

  // A message callback that lets the test act while it runs, and then goes on.
  void serveMessagesInterrupted(const MessageCallback& afterwards) {
    serveMessages([this, afterwards](const auto& connection, Buffer* buffer, Timestamp time) {
      if (entered_.total() == 0) {
        entered_.put(true);
        leave_.take();
      }
      afterwards(connection, buffer, time);
    });
  }

  Mailbox<bool> entered_;
  Mailbox<bool> leave_;
  Mailbox<std::string> got_;
};

TEST_P(TcpReset, BeforeTheServerHasAccepted) {
  serveEcho();
  {
    const LoopHold hold(loop());
    Peer(address()).reset();
  }
  expectReset();
}

TEST_P(TcpReset, BeforeTheFirstByte) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, AfterData) {
  serveEcho();
  Peer peer(address());
  peer.sendAll("data");
  EXPECT_EQ(peer.receiveExactly(4), "data");
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, RightBehindData) {
  serveEcho();
  Peer peer(address());
  accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll("data");
    peer.reset();
  }
  expectReset();
}

TEST_P(TcpReset, WithOutputQueuedInUs) {
  onUp = [](const TcpConnectionPtr& connection) {
    if (connection->id() == 1) connection->send(std::string(kMuch, 'x'));
  };
  serveEcho();
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  EXPECT_GT(runOnLoop([&] { return connection->outputBytes(); }), 0U);
  peer.reset();
  expectReset();
  EXPECT_EQ(runOnLoop([&] { return connection->outputBytes(); }), 0U);
}

TEST_P(TcpReset, BeforeACallbackThatSends) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    peer.reset();
    loop().queueInLoop([connection] {
      connection->send(std::string(kMuch, 'x'));
      connection->send("and more");
    });
  }
  expectReset();
}

TEST_P(TcpReset, InsideACallbackThatThenSends) {
  serveMessagesInterrupted([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->send(std::string(kMuch, 'x'));
  });
  Peer peer(address());
  peer.sendAll("?");
  entered_.take();
  peer.reset();
  leave_.put(true);
  accepted();
  expectReset();
}

TEST_P(TcpReset, InsideACallbackThatThenShutsDown) {
  serveMessagesInterrupted([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    connection->shutdown();
  });
  Peer peer(address());
  peer.sendAll("?");
  entered_.take();
  peer.reset();
  leave_.put(true);
  accepted();
  expectReset();
}

TEST_P(TcpReset, InsideACallbackThatThenClosesByForceIsAnOrderlyEnd) {
  serveMessagesInterrupted([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    connection->forceClose();
    connection->forceClose();
  });
  Peer peer(address());
  peer.sendAll("?");
  entered_.take();
  peer.reset();
  leave_.put(true);
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpReset, AfterACallbackThatLeftOutputQueued) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(std::string(kMuch, 'x'));
    got_.put(buffer->retrieveAllAsString());
  });
  Peer peer(address(), kSmallBuffer);
  peer.sendAll("?");
  got_.take();
  accepted();
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, WhileReadingIsStopped) {
  if (!GetParam().reportsErrorsWhilePaused()) {
    GTEST_SKIP() << GetParam().name << " does not report errors that nobody waits for";
  }
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveEcho();
  Peer peer(address());
  accepted();
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, WhileReadingIsStoppedWithDataUnread) {
  if (!GetParam().reportsErrorsWhilePaused()) {
    GTEST_SKIP() << GetParam().name << " does not report errors that nobody waits for";
  }
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveMessages([this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    got_.put(buffer->retrieveAllAsString());
  });
  Peer peer(address());
  accepted();
  peer.sendAll("never read");
  peer.reset();
  expectReset();
  EXPECT_EQ(got_.total(), 0U);
}

TEST_P(TcpReset, WhileReadingIsStoppedAfterThePeersHalfClose) {
  if (!GetParam().reportsErrorsWhilePaused()) {
    GTEST_SKIP() << GetParam().name << " does not report errors that nobody waits for";
  }
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveEcho();
  Peer peer(address());
  accepted();
  peer.shutdownWrite();
  // The loop learns of the one before the other.
  for (int i = 0; i < 10; ++i) runOnLoop([] {});
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, WhileReadingWasStoppedIsNoticedWhenItStartsAgain) {
  onUp = [](const TcpConnectionPtr& connection) { connection->stopRead(); };
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.reset();
  connection->startRead();
  expectReset();
}

TEST_P(TcpReset, AfterThePeersHalfClose) {
  if (!GetParam().reportsErrorsWhilePaused()) {
    GTEST_SKIP() << GetParam().name << " does not report errors that nobody waits for";
  }
  serve([this](TcpServer& server) {
    server.setHalfCloseCallback([this](const TcpConnectionPtr& connection) {
      if (connection->id() == 1) {
        entered_.put(true);
      } else {
        connection->shutdown();
      }
    });
  });
  Peer peer(address());
  accepted();
  peer.shutdownWrite();
  entered_.take();
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, AfterOurShutdown) {
  onUp = [](const TcpConnectionPtr& connection) {
    if (connection->id() == 1) connection->shutdown();
  };
  serveEcho();
  Peer peer(address());
  accepted();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.reset();
  expectReset();
}

TEST_P(TcpReset, DuringADrainWithOutputPending) {
  onUp = [](const TcpConnectionPtr& connection) { connection->send(std::string(kMuch, 'x')); };
  serveEcho();
  Peer one(address(), kSmallBuffer);
  Peer other(address(), kSmallBuffer);
  accepted();
  accepted();
  server().stop(std::chrono::hours(1), [this] { entered_.put(true); });
  one.reset();
  EXPECT_TRUE(closed().reason);
  EXPECT_EQ(entered_.total(), 0U);
  other.reset();
  EXPECT_TRUE(closed().reason);
  EXPECT_TRUE(entered_.take());
}

TEST_P(TcpReset, OfManyConnectionsInOneTurn) {
  serveEcho();
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    accepted();
  }
  {
    const LoopHold hold(loop());
    for (const auto& peer : peers) peer->sendAll("data behind which the connection breaks");
    for (const auto& peer : peers) peer->reset();
  }
  for (int i = 0; i < 49; ++i) EXPECT_TRUE(closed().reason);
  expectReset();
}

TERN_ON_EACH_POLLER(TcpReset);

}  // namespace
}  // namespace tern::testing
