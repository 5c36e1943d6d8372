// TcpExceptions: a callback throws. The exception leaves loop(); loop() called again serves on, and
// nothing is lost.
#include <atomic>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpExceptions : public ServerFixture {
 protected:
  [[noreturn]] static void fail(const char* what) { throw std::runtime_error(what); }

  // The exception of this name has left loop().
  void expectEscaped(const std::string& what) { EXPECT_EQ(loopThread().escaped().take(), what); }

  // The connection serves as ever.
  static void expectEcho(Peer& peer) {
    peer.sendAll("again");
    EXPECT_EQ(peer.receiveExactly(5), "again");
  }

  Mailbox<std::string> got_;
  std::atomic<int> calls_ = 0;
};

TEST_P(TcpExceptions, OfAMessageCallbackLeaveTheLoopAndTheConnectionIntact) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    if (calls_++ == 0) fail("message");
    connection->send(buffer);
  });
  Peer peer(address());
  peer.sendAll("1");
  expectEscaped("message");
  peer.sendAll("2");
  // What the throwing call left unread is there again.
  EXPECT_EQ(peer.receiveExactly(2), "12");
  expectEcho(peer);
}

TEST_P(TcpExceptions, OfAMessageCallbackDoNotTakeBackWhatItSent) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    if (calls_++ > 0) return;
    connection->send(", and more");
    fail("after sending");
  });
  Peer peer(address());
  peer.sendAll("!");
  EXPECT_EQ(peer.receiveExactly(11), "!, and more");
  expectEscaped("after sending");
  expectEcho(peer);
}

TEST_P(TcpExceptions, OfAMessageCallbackDoNotTakeBackShutdownOrClose) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    if (calls_++ == 0) {
      connection->shutdown();
      fail("after shutdown");
    }
    connection->forceClose();
    fail("after close");
  });
  Peer one(address());
  one.sendAll("1");
  EXPECT_EQ(one.receiveUntilEof(), "1");
  expectEscaped("after shutdown");
  one.close();
  closed();
  Peer two(address());
  two.sendAll("2");
  two.receiveUntilEnd();
  expectEscaped("after close");
  closed();
}

TEST_P(TcpExceptions, OfMessageCallbacksOfAWholeTurnLoseNoBytes) {
  constexpr int kPeers = 40;
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    if (calls_++ % 3 != 0) fail("message");
  });
  const std::string all = patternOf(400);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < kPeers; ++i) peers.push_back(std::make_unique<Peer>(address()));
  ups().awaitTotal(kPeers);
  {
    const LoopHold hold(loop());
    for (const auto& peer : peers) peer->sendAll(all);
    for (int i = 0; i < kPeers; i += 2) peers[i]->shutdownWrite();
  }
  for (int i = 0; i < kPeers; ++i) {
    expectSameBytes(i % 2 == 0 ? peers[i]->receiveUntilEof() : peers[i]->receiveExactly(400), all);
  }
  for (int i = 0; i < kPeers / 2; ++i) closed();
  for (std::size_t i = loopThread().escaped().size(); i > 0; --i) expectEscaped("message");
}

TEST_P(TcpExceptions, OfAMessageCallbackDoNotHideTheEndOfFileBehindIt) {
  // On io_uring both wait together, once reading was stopped: bytes already received, and the end.
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    got_.put(buffer->retrieveAllAsString());
    const int call = calls_++;
    if (call == 0) connection->stopRead();
    if (call == 1) fail("message");
  });
  const std::string all = patternOf(GetParam().isTiny() ? 12 : 40'000);
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll(all);
    peer.shutdownWrite();
  }
  std::string got = got_.take();
  for (int i = 0; i < 10; ++i) runOnLoop([] {});
  connection->startRead();
  got += takeBytes(got_, all.size() - got.size());
  expectSameBytes(got, all);
  EXPECT_EQ(closed().reason, std::error_code());
  if (calls_ > 1) expectEscaped("message");
}

TEST_P(TcpExceptions, OfAConnectionCallbackLeaveTheConnectionUp) {
  onUp = [this](const TcpConnectionPtr& connection) {
    connection->send("welcome");
    if (calls_++ == 0) fail("up");
  };
  serveEcho();
  Peer peer(address());
  EXPECT_EQ(peer.receiveExactly(7), "welcome");
  expectEscaped("up");
  expectEcho(peer);
  Peer other(address());
  EXPECT_EQ(other.receiveExactly(7), "welcome");
}

TEST_P(TcpExceptions, OfAConnectionCallbackThatIsASystemErrorLeaveTheConnectionUp) {
  // Of the type that tells of a socket which can't be served.
  onUp = [](const TcpConnectionPtr&) {
    throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory), "mine");
  };
  serveEcho();
  Peer peer(address());
  EXPECT_TRUE(loopThread().escaped().take().starts_with("mine"));
  expectEcho(peer);
}

TEST_P(TcpExceptions, OfTheLastConnectionCallbackDoNotKeepTheConnection) {
  onDown = [](const TcpConnectionPtr&) { fail("down"); };
  serveEcho();
  {
    const Peer peer(address());
    accepted();
  }
  EXPECT_EQ(closed().reason, std::error_code());
  expectEscaped("down");
  EXPECT_TRUE(eventually([&] { return server().connectionCount() == 0; }));
  {
    Peer peer(address());
    expectEcho(peer);
  }
  EXPECT_EQ(closed().reason, std::error_code());
  expectEscaped("down");
}

TEST_P(TcpExceptions, OfTheLastConnectionCallbackAfterAResetDoNotKeepTheConnection) {
  onDown = [this](const TcpConnectionPtr&) {
    if (calls_++ == 0) fail("down");
  };
  serveEcho();
  Peer peer(address());
  accepted();
  peer.reset();
  EXPECT_TRUE(closed().reason);
  expectEscaped("down");
  Peer other(address());
  expectEcho(other);
}

TEST_P(TcpExceptions, OfAWriteCompleteCallbackLeaveTheConnectionUp) {
  serve([this](TcpServer& server) {
    server.setMessageCallback(
        [](const TcpConnectionPtr& connection, Buffer* buffer, auto) { connection->send(buffer); });
    server.setWriteCompleteCallback([this](const TcpConnectionPtr& connection) {
      if (calls_++ > 0) return;
      connection->send("complete");
      fail("write complete");
    });
  });
  Peer peer(address());
  peer.sendAll("x");
  EXPECT_EQ(peer.receiveExactly(9), "xcomplete");
  expectEscaped("write complete");
  expectEcho(peer);
}

TEST_P(TcpExceptions, OfAHalfCloseCallbackLeaveTheConnectionUpForSending) {
  serve([](TcpServer& server) {
    server.setHalfCloseCallback([](const TcpConnectionPtr& connection) {
      connection->send("half");
      fail("half-close");
    });
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveExactly(4), "half");
  expectEscaped("half-close");
  connection->send("whole");
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "whole");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpExceptions, OfMarkCallbacksLeaveTheConnectionUp) {
  serve([](TcpServer& server) {
    server.setHighWaterMarkCallback([](const auto&, std::size_t) { fail("high"); }, 10);
    server.setLowWaterMarkCallback([](const auto&, std::size_t) { fail("low"); }, 0);
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  for (int round = 0; round < 3; ++round) {
    connection->send("more than ten");
    EXPECT_EQ(peer.receiveExactly(13), "more than ten");
    expectEscaped("high");
    expectEscaped("low");
  }
}

TERN_ON_EACH_POLLER(TcpExceptions);

}  // namespace
}  // namespace tern::testing
