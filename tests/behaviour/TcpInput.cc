// TcpInput: the input buffer, from the reader who takes one byte at a time to the one who takes the
// buffer itself, and the message callback that is replaced while it runs.
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpInput : public ServerFixture {
 protected:
  // What inputBuffer() holds, seen from the loop's thread.
  std::string unread(const TcpConnectionPtr& connection) {
    return runOnLoop([&] { return std::string(connection->inputBuffer()->view()); });
  }

  Mailbox<std::string> got_;
  Mailbox<Timestamp> times_;
};

TEST_P(TcpInput, LeftUnreadIsThereAgainWithMoreBehindIt) {
  serveMessages([this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    got_.put(std::string(buffer->view()));
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("a");
  EXPECT_EQ(got_.take(), "a");
  peer.sendAll("b");
  EXPECT_EQ(got_.take(), "ab");
  peer.sendAll("c");
  EXPECT_EQ(got_.take(), "abc");
  EXPECT_EQ(unread(connection), "abc");
}

TEST_P(TcpInput, CanBeReadOneByteACallback) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    got_.put(buffer->retrieveAsString(1));
    connection->send("next");
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const std::string all = patternOf(200);
  std::string got;
  // Two arrive for each one that is read.
  for (std::size_t i = 0; i < all.size(); i += 2) {
    peer.sendAll(std::string_view(all).substr(i, 2));
    got += got_.take();
    EXPECT_EQ(peer.receiveExactly(4), "next");
  }
  got += unread(connection);
  expectSameBytes(got, all);
}

TEST_P(TcpInput, CanBeCollectedUntilAMessageIsWhole) {
  const std::string message = patternOf(GetParam().isTiny() ? 5'000 : 500'000);
  serveMessages([this, size = message.size()](const auto&, Buffer* buffer, Timestamp) {
    while (buffer->readableBytes() >= size) got_.put(buffer->retrieveAsString(size));
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  for (int i = 0; i < 3; ++i) peer.sendAll(message);
  for (int i = 0; i < 3; ++i) expectSameBytes(got_.take(), message);
  // And the memory it took is given back.
  EXPECT_EQ(runOnLoop([&] { return connection->inputBuffer()->internalCapacity(); }), 0U);
}

TEST_P(TcpInput, CanBeSwappedOutOfTheConnection) {
  serveMessages([this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    Buffer mine;
    mine.swap(*buffer);
    EXPECT_TRUE(buffer->empty());
    got_.put(mine.retrieveAllAsString());
  });
  Peer peer(address());
  for (const std::string text : {"first", "second", "third"}) {
    peer.sendAll(text);
    EXPECT_EQ(takeBytes(got_, text.size()), text);
  }
}

TEST_P(TcpInput, CanBeExchangedForOtherBytes) {
  // A callback may write into the buffer as well, and finds that next time.
  serveMessages([this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    got_.put(std::string(buffer->view()));
    Buffer other;
    other.append("+");
    buffer->swap(other);
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("a");
  EXPECT_EQ(got_.take(), "a");
  peer.sendAll("b");
  EXPECT_EQ(got_.take(), "+b");
  EXPECT_EQ(unread(connection), "+");
}

TEST_P(TcpInput, CanBeSentBackWhileItIsStillLent) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->prepend("<");
    buffer->append(">");
    connection->send(buffer);
  });
  Peer peer(address());
  peer.sendAll("x");
  EXPECT_EQ(peer.receiveExactly(3), "<x>");
}

TEST_P(TcpInput, IsDiscardedWhenNobodyListens) {
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll(patternOf(GetParam().isTiny() ? 10'000 : 3'000'000));
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(closed().reason, std::error_code());
  EXPECT_EQ(unread(connection), "");
}

TEST_P(TcpInput, IsDiscardedOnceTheCallbackIsTakenAway) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    got_.put(buffer->retrieveAllAsString());
    connection->setMessageCallback({});
    connection->send("enough");
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("1");
  EXPECT_EQ(peer.receiveExactly(6), "enough");
  peer.sendAll("2");
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(got_.total(), 1U);
  EXPECT_EQ(unread(connection), "");
}

TEST_P(TcpInput, GoesToTheCallbackThatTheRunningOneSetForItsConnection) {
  // The replaced callback goes on using what it captured.
  const std::string captured = "captured, and too long for the small-string buffer";
  serveMessages([this, captured](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->setMessageCallback([this](const auto&, Buffer* later, Timestamp) {
      got_.put("second: " + later->retrieveAllAsString());
    });
    connection->setMessageCallback([this](const auto&, Buffer* later, Timestamp) {
      got_.put("third: " + later->retrieveAllAsString());
    });
    got_.put(captured + buffer->retrieveAllAsString());
  });
  Peer peer(address());
  peer.sendAll("1");
  EXPECT_EQ(got_.take(), captured + "1");
  peer.sendAll("2");
  EXPECT_EQ(got_.take(), "third: 2");
  // Other connections keep what the server has set.
  Peer other(address());
  other.sendAll("1");
  EXPECT_EQ(got_.take(), captured + "1");
}

TEST_P(TcpInput, ComesWithTheTimeOfItsTurn) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp time) {
    EXPECT_EQ(time, connection->getLoop()->pollReturnTime());
    buffer->retrieveAll();
    times_.put(time);
  });
  Peer peer(address());
  const Timestamp before = Clock::now();
  peer.sendAll("1");
  const Timestamp first = times_.take();
  peer.sendAll("2");
  const Timestamp second = times_.take();
  const Timestamp after = Clock::now();
  EXPECT_LE(before, first);
  EXPECT_LT(first, second);
  EXPECT_LE(second, after);
}

TERN_ON_EACH_POLLER(TcpInput);

}  // namespace
}  // namespace tern::testing
