// TcpQuiet: a connection on which nothing can happen costs no turns, whatever its peer did: the end
// of the peer's sending is a state that lasts, and must not be reported for as long.
#include <chrono>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class TcpQuiet : public ServerFixture {
 protected:
  static void stopReading(const TcpConnectionPtr& connection) { connection->stopRead(); }

  // A few waits a tick, for the timer and for what the end of the peer may cause once.
  void expectQuiet() {
    constexpr int kTicks = 20;
    EXPECT_LT(statsOfTicks(kTicks, 2ms).waits, 6U * kTicks);
  }

  MessageCallback collect() {
    return [this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
      got_.put(buffer->retrieveAllAsString());
    };
  }

  Mailbox<std::string> got_;
  Mailbox<TcpConnectionPtr> halfCloses_;
};

TEST_P(TcpQuiet, WithReadingStoppedWhenThePeerHasFinished) {
  onUp = stopReading;
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.shutdownWrite();
  expectQuiet();
  EXPECT_EQ(downs().total(), 0U);
  connection->startRead();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpQuiet, WithReadingStoppedWhenThePeerHasSentAndFinished) {
  onUp = stopReading;
  serveMessages(collect());
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("last words");
  peer.shutdownWrite();
  expectQuiet();
  EXPECT_EQ(got_.total(), 0U);
  connection->startRead();
  EXPECT_EQ(takeBytes(got_, 10), "last words");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpQuiet, WithReadingStoppedWhenBothHaveFinished) {
  onUp = stopReading;
  serveMessages(collect());
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("last words");
  peer.shutdownWrite();
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  expectQuiet();
  EXPECT_EQ(downs().total(), 0U);
  connection->startRead();
  EXPECT_EQ(takeBytes(got_, 10), "last words");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpQuiet, WithReadingStoppedWhenWeFinishedFirst) {
  onUp = [](const TcpConnectionPtr& connection) {
    connection->stopRead();
    connection->shutdown();
  };
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  expectQuiet();
  peer.shutdownWrite();
  expectQuiet();
  connection->startRead();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpQuiet, WithAHalfCloseCallbackWhenThePeerHasFinished) {
  serve([this](TcpServer& server) {
    server.setHalfCloseCallback(
        [this](const TcpConnectionPtr& connection) { halfCloses_.put(connection); });
  });
  Peer peer(address());
  peer.shutdownWrite();
  const TcpConnectionPtr connection = halfCloses_.take();
  expectQuiet();
  // Sending, stopping and starting to read change nothing about that.
  connection->send("still here");
  EXPECT_EQ(peer.receiveExactly(10), "still here");
  connection->stopRead();
  expectQuiet();
  connection->startRead();
  expectQuiet();
  EXPECT_EQ(halfCloses_.total(), 1U);
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpQuiet, WithOutputThatThePeerDoesNotReadWhenItHasFinished) {
  const std::string much = patternOf(std::size_t{12} << 20U);
  onUp = [much](const TcpConnectionPtr& connection) { connection->send(std::string(much)); };
  serveEcho();
  Peer peer(address(), 64 * 1024);
  const TcpConnectionPtr connection = accepted();
  peer.shutdownWrite();
  ASSERT_TRUE(eventually([&] { return !connection->connected(); }));
  expectQuiet();
  EXPECT_EQ(downs().total(), 0U);
  expectSameBytes(peer.receiveUntilEof(), much);
  EXPECT_EQ(closed().reason, std::error_code());
}

TERN_ON_EACH_POLLER(TcpQuiet);

}  // namespace
}  // namespace tern::testing
