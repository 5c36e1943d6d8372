// ServerBufferLimit: how many bytes all connections of a server may hold, and whom it costs the
// connection.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kSmallBuffer = 64 * 1024;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
// What the kernel may hold of each, up to 6 MiB, is less than the differences.
constexpr std::size_t kLimit = 70 * kMiB;
constexpr std::size_t kLarge = 64 * kMiB;
constexpr std::size_t kMedium = 24 * kMiB;

class ServerBufferLimit : public ServerFixture {
 protected:
  void serveLimited(std::size_t limit, std::size_t threads = 0) {
    serve([&](TcpServer& server) {
      server.setThreadNum(threads);
      server.setBufferLimit(limit);
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
        if (input->findEOL() != nullptr) connection->send(input);
      });
    });
  }
  // A peer that reads nothing yet.
  std::unique_ptr<Peer> slowPeer() { return std::make_unique<Peer>(address(), kSmallBuffer); }

  static void sendMuch(const TcpConnectionPtr& connection, std::size_t bytes) {
    connection->send(std::make_shared<const std::string>(bytes, 'x'));
  }
  [[nodiscard]] bool eventuallyHolds(std::size_t least) {
    return eventually([&] { return server().stats().bytesBuffered >= least; });
  }

  const LogCapture log_;
};

TEST_P(ServerBufferLimit, ClosesTheConnectionThatHoldsTheMostAndServesTheOthersOn) {
  for (const std::size_t threads : {0U, 2U}) {
    serveLimited(kLimit, threads);
    const auto first = slowPeer();
    const TcpConnectionPtr largest = accepted();
    const auto second = slowPeer();
    const TcpConnectionPtr medium = accepted();
    Peer third(address());
    accepted();
    sendMuch(largest, kLarge);
    ASSERT_TRUE(eventuallyHolds(kLarge - 6 * kMiB));
    third.sendAll("served\n");
    EXPECT_EQ(third.receiveExactly(7), "served\n");
    // Too much together. With two loops, the other one than that of the largest notices.
    sendMuch(medium, kMedium);
    const ServerFixture::Closed end = closed();
    EXPECT_EQ(end.connection, largest);
    EXPECT_EQ(end.reason, std::errc::no_buffer_space);
    EXPECT_EQ(second->receiveExactly(kMedium).size(), kMedium);
    third.sendAll("served on\n");
    EXPECT_EQ(third.receiveExactly(10), "served on\n");
    EXPECT_EQ(server().stats().closed.bufferLimit, 1U);
    EXPECT_EQ(server().stats().closed.total(), 1U);
    EXPECT_TRUE(eventually([&] { return server().stats().bytesBuffered == 0; }));
    stop();
    while (downs().size() > 0) static_cast<void>(closed());
  }
}

TEST_P(ServerBufferLimit, ClosesAsManyAsItTakesAndLogsTheFirstTimeOnly) {
  serveLimited(kLimit);
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<TcpConnectionPtr> connections;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(slowPeer());
    connections.push_back(accepted());
  }
  // In one turn: the limit takes all but one of them.
  runOnLoop([&] {
    for (const TcpConnectionPtr& connection : connections) sendMuch(connection, kLarge);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (!connections[i]->connected()) continue;
    EXPECT_EQ(peers[i]->receiveExactly(kLarge).size(), kLarge);
  }
  EXPECT_EQ(server().stats().closed.bufferLimit, 3U);
  EXPECT_EQ(downs().total(), 3U);
  EXPECT_EQ(log_.count("hold more than the limit of"), 1U);
}

TEST_P(ServerBufferLimit, CountsWhatIsLeftUnread) {
  serveLimited(50'000);
  Peer patient(address());
  patient.sendAll(std::string(20'000, 'x'));
  ASSERT_TRUE(eventuallyHolds(20'000));
  const TcpConnectionPtr first = accepted();
  Peer greedy(address());
  greedy.sendAll(std::string(30'001, 'y'));
  const ServerFixture::Closed end = closed();
  EXPECT_NE(end.connection, first);
  EXPECT_EQ(end.reason, std::errc::no_buffer_space);
  patient.sendAll("\n");
  EXPECT_EQ(patient.receiveExactly(20'001).size(), 20'001U);
}

TEST_P(ServerBufferLimit, ItselfMayBeHeld) {
  serveLimited(50'000);
  Peer first(address());
  Peer second(address());
  first.sendAll(std::string(20'000, 'x'));
  second.sendAll(std::string(30'000, 'y'));
  ASSERT_TRUE(eventuallyHolds(50'000));
  for (int i = 0; i < 5; ++i) runOnLoop([] {});
  EXPECT_EQ(downs().total(), 0U);
  EXPECT_EQ(server().stats().closed.total(), 0U);
}

TEST_P(ServerBufferLimit, DoesNotMindWhatLeavesAtOnce) {
  serveLimited(10'000);
  Peer peer(address());
  std::string line(1000, 'x');
  line.back() = '\n';
  for (int i = 0; i < 50; ++i) {
    peer.sendAll(line);
    EXPECT_EQ(peer.receiveExactly(line.size()), line);
  }
  EXPECT_EQ(server().stats().closed.total(), 0U);
}

TERN_ON_EACH_POLLER(ServerBufferLimit);

}  // namespace
}  // namespace tern::testing
