// TcpWatermarks: high and low marks, the hard cap, and writeComplete: what a server learns about a
// peer that reads slowly, or not at all.
#include <sys/socket.h>
#include <tern/base/Logging.h>

#include <algorithm>
#include <atomic>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kSmallBuffer = 64 * 1024;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
// The kernel holds less than this for a peer that does not read: 4 MiB by tcp_wmem, and the peer's.
constexpr std::size_t kKernel = 6 * kMiB;

class TcpWatermarks : public ServerFixture {
 protected:
  // Closing at the hard cap is a warning in the log: here it is on purpose.
  TcpWatermarks() { setLogLevel(LogLevel::kError); }
  ~TcpWatermarks() override { setLogLevel(LogLevel::kInfo); }

  void serveWithMarks(std::size_t high, std::size_t low) {
    serve([&](TcpServer& server) {
      server.setHighWaterMarkCallback(
          [this, high](const TcpConnectionPtr&, std::size_t bytes) {
            EXPECT_GT(bytes, high);
            marks_.put('H');
          },
          high);
      server.setLowWaterMarkCallback(
          [this, low](const TcpConnectionPtr&, std::size_t bytes) {
            EXPECT_LE(bytes, low);
            marks_.put('L');
          },
          low);
      server.setWriteCompleteCallback([this](const TcpConnectionPtr& connection) {
        completed_.put(connection->outputBytes());
      });
    });
  }

  // Each in a turn of its own.
  void sendInPieces(const TcpConnectionPtr& connection, std::size_t pieces, std::size_t size) {
    for (std::size_t i = 0; i < pieces; ++i) {
      runOnLoop([&] { connection->send(std::string(size, 'x')); });
    }
  }

  Mailbox<char> marks_;
  Mailbox<std::size_t> completed_;  // outputBytes() at each writeComplete
  Mailbox<std::size_t> most_;
};

TEST_P(TcpWatermarks, ComeInPairsThatAlternate) {
  serveWithMarks(3 * kMiB, kMiB);
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  for (int round = 0; round < 3; ++round) {
    sendInPieces(connection, 12, kMiB);
    EXPECT_EQ(marks_.take(), 'H');
    EXPECT_EQ(marks_.size(), 0U);
    peer.receiveExactly(12 * kMiB);
    EXPECT_EQ(marks_.take(), 'L');
    completed_.take();
    EXPECT_EQ(marks_.size(), 0U);
  }
}

TEST_P(TcpWatermarks, AreCrossedByOnePieceToo) {
  serveWithMarks(kMiB, 0);
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  connection->send(std::string(10 * kMiB, 'x'));
  EXPECT_EQ(marks_.take(), 'H');
  EXPECT_EQ(marks_.size(), 0U);
  peer.receiveExactly(10 * kMiB);
  EXPECT_EQ(marks_.take(), 'L');
  completed_.take();
  EXPECT_EQ(marks_.total(), 2U);
}

TEST_P(TcpWatermarks, AreCrossedByTheSmallPiecesOfACallback) {
  constexpr int kPieces = 100;
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    const bool late = buffer->retrieveAllAsString() == "late";
    const auto high = [&](const TcpConnectionPtr&, std::size_t bytes) { most_.put(bytes); };
    if (!late) connection->setHighWaterMarkCallback(high, 50);
    for (int i = 0; i < kPieces; ++i) {
      connection->send("x");
      // Of what has been sent, a mark that is set only now knows as well.
      if (late && i == kPieces / 2) connection->setHighWaterMarkCallback(high, kPieces - 10);
    }
  });
  for (const auto& [request, mark] : {std::pair("early", 51U), std::pair("late", 91U)}) {
    Peer peer(address());
    peer.sendAll(request);
    EXPECT_EQ(most_.take(), mark) << request;
    EXPECT_EQ(peer.receiveExactly(kPieces), std::string(kPieces, 'x'));
  }
}

TEST_P(TcpWatermarks, AreCrossedBySmallPiecesBehindOtherSortsOfThem) {
  constexpr std::size_t kMark = 3000;
  const std::string view(2500, 'x');
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->setHighWaterMarkCallback(
        [&](const TcpConnectionPtr&, std::size_t bytes) { most_.put(bytes); }, kMark);
    if (buffer->retrieveAllAsString() == "views") {
      connection->send(view);
      connection->send("behind it");
    } else {
      connection->send("x");
      connection->send(std::string(1000, 'x'));
      connection->send(std::make_shared<const std::string>(1000, 'x'));
    }
    while (connection->outputBytes() < 2 * kMark) connection->send("x");
  });
  for (const char* request : {"views", "others"}) {
    Peer peer(address());
    peer.sendAll(request);
    EXPECT_EQ(most_.take(), kMark + 1) << request;
    EXPECT_EQ(peer.receiveExactly(2 * kMark).size(), 2 * kMark);
  }
}

TEST_P(TcpWatermarks, AreNotCrossedByExactlyAsMuch) {
  serveWithMarks(1000, 0);
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  connection->send(std::string(1000, 'x'));
  completed_.take();
  EXPECT_EQ(marks_.total(), 0U);
  connection->send(std::string(1001, 'x'));
  EXPECT_EQ(marks_.take(), 'H');
  EXPECT_EQ(marks_.take(), 'L');
}

TEST_P(TcpWatermarks, CanPaceASenderToTheSpeedOfItsPeer) {
  // Sends until told that it is too much, and goes on when told that it is not.
  constexpr std::size_t kTotal = 24 * kMiB;
  auto left = std::make_shared<std::size_t>(kTotal);
  const auto pump = [left, this](const TcpConnectionPtr& connection) {
    while (*left > 0 && connection->outputBytes() <= kMiB) {
      connection->send(std::string(kMiB / 4, 'x'));
      *left -= kMiB / 4;
    }
    most_.put(connection->outputBytes());
    if (*left == 0) connection->shutdown();
  };
  onUp = pump;
  serve([&](TcpServer& server) {
    server.setHighWaterMarkCallback({}, kMiB);
    server.setLowWaterMarkCallback(
        [pump](const TcpConnectionPtr& connection, std::size_t) { pump(connection); }, kMiB / 2);
  });
  Peer peer(address(), kSmallBuffer);
  EXPECT_EQ(peer.receiveUntilEof().size(), kTotal);
  for (std::size_t i = most_.size(); i > 0; --i) EXPECT_LE(most_.take(), 2 * kMiB);
}

TEST_P(TcpWatermarks, OfOneConnectionReplaceTheServers) {
  serveWithMarks(1, 0);
  Peer peer(address());
  Peer other(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    connection->setHighWaterMarkCallback([this](const auto&, std::size_t) { marks_.put('h'); }, 10);
    connection->setLowWaterMarkCallback([this](const auto&, std::size_t) { marks_.put('l'); }, 5);
    connection->send("more than ten");
  });
  EXPECT_EQ(marks_.take(), 'h');
  EXPECT_EQ(marks_.take(), 'l');
  accepted()->send("as configured");
  EXPECT_EQ(marks_.take(), 'H');
  EXPECT_EQ(marks_.take(), 'L');
}

TEST_P(TcpWatermarks, HardCapClosesAConnectionWhosePeerDoesNotRead) {
  serve([&](TcpServer& server) { server.setOutputLimit(8 * kMiB); });
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  std::size_t most = 0;
  for (int i = 0; i < 32; ++i) {
    connection->send(std::string(kMiB, 'x'));
    most = std::max(most, runOnLoop([&] { return connection->outputBytes(); }));
  }
  EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
  EXPECT_LE(most, 9 * kMiB);
  EXPECT_EQ(runOnLoop([&] { return connection->outputBytes(); }), 0U);
  EXPECT_LT(peer.receiveUntilEnd().bytes.size(), 8 * kMiB + kKernel);
}

TEST_P(TcpWatermarks, HardCapHoldsWithinOneCallback) {
  serve([&](TcpServer& server) {
    server.setOutputLimit(8 * kMiB);
    server.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* buffer, auto) {
      buffer->retrieveAll();
      for (int i = 0; i < 32; ++i) connection->send(std::string(kMiB, 'x'));
      most_.put(connection->outputBytes());
    });
  });
  Peer peer(address(), kSmallBuffer);
  peer.sendAll("?");
  EXPECT_LE(most_.take(), 9 * kMiB);
  EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
}

TEST_P(TcpWatermarks, HardCapBoundsTheMemoryThatAPeerCanTakeWhichNeverReads) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  if (GetParam().isTiny()) GTEST_SKIP() << "eight bytes a receive: the cap would take minutes";
  std::atomic<std::size_t> most = 0;
  serve([&](TcpServer& server) {
    server.setOutputLimit(16 * kMiB);
    server.setMessageCallback([&most](const TcpConnectionPtr& connection, Buffer* buffer, auto) {
      connection->send(buffer);
      most = std::max(most.load(), residentBytes());
    });
  });
  Peer peer(address(), kSmallBuffer);
  accepted();
  const std::string block = patternOf(kMiB);
  const std::size_t before = residentBytes();
  std::size_t sent = 0;
  while (sent < 256 * kMiB && downs().total() == 0) {
    const long n = ::send(peer.fd(), block.data(), block.size(), MSG_NOSIGNAL);
    if (n < 0) break;  // a reset
    sent += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
  EXPECT_LT(most, before + 40 * kMiB);
  stop();
}

TEST_P(TcpWatermarks, HardCapOfOneConnectionLeavesOthersAlone) {
  serveEcho();
  Peer peer(address());
  Peer other(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    connection->setOutputLimit(100);
    connection->send(std::string(100, 'x'));
    EXPECT_TRUE(connection->connected());
  });
  EXPECT_EQ(peer.receiveExactly(100).size(), 100U);
  runOnLoop([&] { connection->send(std::string(101, 'x')); });
  EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
  other.sendAll(std::string(101, 'y'));
  EXPECT_EQ(other.receiveExactly(101), std::string(101, 'y'));
}

TEST_P(TcpWatermarks, WriteCompleteComesOnceForAllThatWasSentTogether) {
  serveWithMarks(kMiB, 0);
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    for (int i = 0; i < 10; ++i) connection->send("0123456789");
    EXPECT_EQ(completed_.total(), 0U);
  });
  EXPECT_EQ(peer.receiveExactly(100).size(), 100U);
  EXPECT_EQ(completed_.take(), 0U);
  runOnLoop([&] { connection->send(""); });
  for (int i = 0; i < 5; ++i) runOnLoop([] {});
  EXPECT_EQ(completed_.total(), 1U);
}

TEST_P(TcpWatermarks, WriteCompleteWaitsForASlowPeer) {
  serveWithMarks(64 * kMiB, 0);
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  connection->send(std::string(12 * kMiB, 'x'));
  for (int i = 0; i < 5; ++i) runOnLoop([] {});
  EXPECT_EQ(completed_.total(), 0U);
  peer.receiveExactly(12 * kMiB);
  EXPECT_EQ(completed_.take(), 0U);
  EXPECT_EQ(completed_.total(), 1U);
}

TEST_P(TcpWatermarks, WriteCompleteMaySendAgainAsOftenAsItLikes) {
  auto left = std::make_shared<int>(3000);
  onUp = [](const TcpConnectionPtr& connection) { connection->send("."); };
  serve([&](TcpServer& server) {
    server.setWriteCompleteCallback([left](const TcpConnectionPtr& connection) {
      if (--*left > 0) {
        connection->send(".");
      } else {
        connection->shutdown();
      }
    });
  });
  Peer peer(address());
  EXPECT_EQ(peer.receiveUntilEof(), std::string(3000, '.'));
}

TERN_ON_EACH_POLLER(TcpWatermarks);

}  // namespace
}  // namespace tern::testing
