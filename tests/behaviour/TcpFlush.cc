// TcpFlush: what is sent together leaves together: one kernel send for a callback's replies, one
// for a turn's sends from elsewhere.
#include <linux/tcp.h>
#include <sys/socket.h>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kReplies = 16;

class TcpFlush : public ServerFixture {
 protected:
  static void sendReplies(const TcpConnectionPtr& connection) {
    for (int i = 0; i < kReplies; ++i) connection->send("reply " + std::to_string(i) + '\n');
  }
  static std::string replies() {
    std::string all;
    for (int i = 0; i < kReplies; ++i) all += "reply " + std::to_string(i) + '\n';
    return all;
  }

  std::uint64_t sends() {
    return runOnLoop([this] { return loop().poller().stats().sends; });
  }

  // All replies come by one recv(), and left by one send.
  void expectRepliesAtOnce(Peer& peer, std::uint64_t sendsBefore) {
    EXPECT_EQ(peer.receiveSome(), replies());
    EXPECT_EQ(sends() - sendsBefore, 1U);
  }

  Mailbox<std::size_t> written_;
};

TEST_P(TcpFlush, RepliesSentInOneMessageCallbackLeaveInOneSegment) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    sendReplies(connection);
  });
  Peer peer(address());
  accepted();
  const std::uint64_t before = sends();
  peer.sendAll("?");
  expectRepliesAtOnce(peer, before);
  // And the kernel saw one segment with data.
  tcp_info info{};
  socklen_t length = sizeof info;
  ASSERT_EQ(::getsockopt(peer.fd(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
  EXPECT_EQ(info.tcpi_data_segs_in, 1U);
}

TEST_P(TcpFlush, SendsInTheConnectionCallbackLeaveInOneSegment) {
  onUp = sendReplies;
  serveEcho();
  Peer peer(address());
  expectRepliesAtOnce(peer, 0);
}

TEST_P(TcpFlush, SendsInAWriteCompleteCallbackLeaveInOneSegment) {
  onUp = [](const TcpConnectionPtr& connection) { connection->send("first"); };
  serve([](TcpServer& server) {
    server.setWriteCompleteCallback([](const TcpConnectionPtr& connection) {
      connection->setWriteCompleteCallback({});
      sendReplies(connection);
    });
  });
  Peer peer(address());
  EXPECT_EQ(peer.receiveExactly(5), "first");
  expectRepliesAtOnce(peer, 1);
}

TEST_P(TcpFlush, WriteCompleteIsNotSaidWhileWhatWasSentMeanwhileWaits) {
  static const std::string much = patternOf(std::size_t{4} * 1024 * 1024);
  serve([this](TcpServer& server) {
    server.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
      input->retrieveAll();
      connection->send("first");
      // It runs before the callback that is due for the first.
      loop().queueInLoop([connection] { connection->send(much); });
    });
    server.setWriteCompleteCallback(
        [this](const TcpConnectionPtr& connection) { written_.put(connection->outputBytes()); });
  });
  Peer peer(address(), 16 * 1024);
  peer.sendAll("?");
  EXPECT_EQ(peer.receiveExactly(5), "first");
  expectSameBytes(peer.receiveExactly(much.size()), much);
  EXPECT_EQ(written_.take(), 0U);
  EXPECT_EQ(written_.size(), 0U);
}

TEST_P(TcpFlush, SendsInATimerLeaveInOneSegment) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const std::uint64_t before = sends();
  loop().runAfter(std::chrono::milliseconds(1), [connection] { sendReplies(connection); });
  expectRepliesAtOnce(peer, before);
}

TEST_P(TcpFlush, SendsInAFunctorLeaveInOneSegment) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const std::uint64_t before = sends();
  loop().queueInLoop([connection] { sendReplies(connection); });
  expectRepliesAtOnce(peer, before);
}

TEST_P(TcpFlush, SendsInAnotherConnectionsCallbackLeaveInOneSegment) {
  auto target = std::make_shared<std::weak_ptr<TcpConnection>>();
  serveMessages([target](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    if (const TcpConnectionPtr connection = target->lock()) sendReplies(connection);
  });
  Peer peer(address());
  *target = accepted();
  Peer other(address());
  accepted();
  const std::uint64_t before = sends();
  other.sendAll("?");
  expectRepliesAtOnce(peer, before);
}

TEST_P(TcpFlush, SendsOfAnotherThreadThatMeetInOneTurnLeaveInOneSegment) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const std::uint64_t before = sends();
  {
    const LoopHold hold(loop());
    sendReplies(connection);
  }
  expectRepliesAtOnce(peer, before);
}

TEST_P(TcpFlush, AHeaderAndItsLargeBodyLeaveInOneSend) {
  const std::string body = patternOf(20'000);
  serveMessages([body](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->send("header\n");
    connection->send(std::string(body));
  });
  Peer peer(address());
  accepted();
  const std::uint64_t before = sends();
  peer.sendAll("?");
  expectSameBytes(peer.receiveExactly(7 + body.size()), "header\n" + body);
  EXPECT_EQ(sends() - before, 1U);
}

TEST_P(TcpFlush, RepliesOfAHeaderAndALargeBodyEachLeaveInOneSend) {
  const std::string body = patternOf(2048);
  serveMessages([body](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    for (int i = 0; i < kReplies; ++i) {
      connection->send("header " + std::to_string(i) + '\n');
      connection->send(std::string(body));
    }
  });
  std::string all;
  for (int i = 0; i < kReplies; ++i) all += "header " + std::to_string(i) + '\n' + body;
  Peer peer(address());
  accepted();
  const std::uint64_t before = sends();
  peer.sendAll("?");
  expectSameBytes(peer.receiveExactly(all.size()), all);
  EXPECT_EQ(sends() - before, 1U);
}

TEST_P(TcpFlush, PipelinedRequestsOfOneSegmentAreAnsweredByOne) {
  if (GetParam().isTiny()) GTEST_SKIP() << "eight bytes a receive can't hold 16 requests";
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    while (const char* end = buffer->findEOL()) {
      const std::string request(buffer->peek(), end);
      buffer->retrieveUntil(end + 1);
      connection->send("reply " + request + '\n');
    }
  });
  Peer peer(address());
  accepted();
  const std::uint64_t before = sends();
  std::string requests;
  for (int i = 0; i < kReplies; ++i) requests += std::to_string(i) + '\n';
  peer.sendAll(requests);
  expectRepliesAtOnce(peer, before);
}

TERN_ON_EACH_POLLER(TcpFlush);

}  // namespace
}  // namespace tern::testing
