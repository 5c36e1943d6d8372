// TcpIdentity: what a connection tells about itself: addresses, name, context, the kernel's view.
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <tern/base/Logging.h>

#include <cstdint>
#include <set>

#include "support/LogCapture.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

// The server's end of the peer's connection: both are in this process. -1 when there is none.
int serverSideOf(const Peer& peer) {
  for (int fd = 0; fd < 4096; ++fd) {
    if (SocketAddress::peerOf(fd) == peer.localAddress()) return fd;
  }
  return -1;
}

int optionOf(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, option, &value, &length), 0);
  return value;
}

class TcpIdentity : public ServerFixture {
 protected:
  Mailbox<SocketAddress> ends_;  // localAddress() in the last callback
};

TEST_P(TcpIdentity, IsTheAddressesOfBothEnds) {
  onDown = [this](const TcpConnectionPtr& connection) { ends_.put(connection->localAddress()); };
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  EXPECT_EQ(connection->peerAddress(), peer.localAddress());
  EXPECT_EQ(runOnLoop([&] { return connection->localAddress(); }), address());
  peer.close();
  EXPECT_EQ(closed().connection, connection);
  EXPECT_EQ(ends_.take(), address());
  EXPECT_NE(connection->peerAddress().port(), 0);
}

TEST_P(TcpIdentity, IsANumberAndANameUniqueInTheServer) {
  serve([](TcpServer& server) { server.setThreadNum(2); });
  std::vector<std::unique_ptr<Peer>> peers;
  std::set<std::uint64_t> ids;
  std::set<std::string> names;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    const TcpConnectionPtr connection = accepted();
    ids.insert(connection->id());
    const std::string name = runOn(*connection->getLoop(), [&] { return connection->name(); });
    EXPECT_EQ(name, "test#" + std::to_string(connection->id()));
    names.insert(name);
  }
  EXPECT_EQ(ids.size(), 10U);
  EXPECT_EQ(names.size(), 10U);
}

TEST_P(TcpIdentity, MayIncludeAConnectionCallbackOfItsOwn) {
  Mailbox<std::uint64_t> own;
  onUp = [&](const TcpConnectionPtr& connection) {
    if (connection->id() != 2) return;
    connection->setConnectionCallback(
        [&own, shared = connection->callbacks().connection](const TcpConnectionPtr& self) {
          own.put(self->id());
          shared(self);
        });
  };
  serveEcho();
  for (int i = 0; i < 3; ++i) {
    Peer peer(address());
    accepted();
    peer.close();
    closed();
  }
  EXPECT_EQ(own.take(), 2U);
  EXPECT_EQ(own.total(), 1U);
}

TEST_P(TcpIdentity, IsWhatTheDefaultCallbackLogs) {
  setLogLevel(LogLevel::kDebug);
  {
    const LogCapture log;
    serve([](TcpServer& server) { server.setConnectionCallback(defaultConnectionCallback); });
    Peer peer(address());
    const std::string line = "debug: test#1 from " + peer.localAddress().toString();
    EXPECT_TRUE(eventually([&] { return log.count(line + " is up") == 1; }));
    peer.close();
    EXPECT_TRUE(eventually([&] { return log.count(line + " is down") == 1; }));
    stop();
  }
  setLogLevel(LogLevel::kInfo);
}

TEST_P(TcpIdentity, HoldsAContextOfTheUsers) {
  // A count of messages, kept where it belongs.
  onUp = [](const TcpConnectionPtr& connection) {
    EXPECT_FALSE(connection->getContext().has_value());
    connection->setContext(0);
  };
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    const int count = ++std::any_cast<int&>(*connection->getMutableContext());
    connection->send(std::to_string(count));
  });
  Peer one(address());
  Peer two(address());
  for (const std::string count : {"1", "2", "3"}) {
    one.sendAll("?");
    EXPECT_EQ(one.receiveExactly(1), count);
  }
  two.sendAll("?");
  EXPECT_EQ(two.receiveExactly(1), "1");
}

TEST_P(TcpIdentity, ReleasesItsContextWithTheConnection) {
  const auto thing = std::make_shared<int>(1);
  onUp = [thing](const TcpConnectionPtr& connection) { connection->setContext(thing); };
  serveEcho();
  {
    Peer peer(address());
    accepted();
  }
  closed();
  // The test's and the callback's: the connection's is gone when nobody holds the connection.
  EXPECT_TRUE(eventually([&] { return thing.use_count() == 2; }));
}

TEST_P(TcpIdentity, IncludesTheKernelsView) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("x");
  peer.receiveExactly(1);
  runOnLoop([&] {
    tcp_info info{};
    ASSERT_TRUE(connection->getTcpInfo(&info));
    EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
    EXPECT_NE(connection->getTcpInfoString().find("rtt_us="), std::string::npos);
  });
  peer.close();
  closed();
  runOnLoop([&] {
    tcp_info info{};
    EXPECT_FALSE(connection->getTcpInfo(&info));
    EXPECT_EQ(connection->getTcpInfoString(), "");
    connection->setTcpNoDelay(false);
    EXPECT_EQ(connection->localAddress(), SocketAddress());
  });
}

TEST_P(TcpIdentity, HasNoDelayOnUntilSwitchedOff) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const int fd = serverSideOf(peer);
  ASSERT_GE(fd, 0);
  EXPECT_NE(optionOf(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  runOnLoop([&] { connection->setTcpNoDelay(false); });
  EXPECT_EQ(optionOf(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  runOnLoop([&] { connection->setTcpNoDelay(true); });
  EXPECT_NE(optionOf(fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST_P(TcpIdentity, KnowsItsState) {
  serve([](TcpServer& server) { server.setHalfCloseCallback([](const TcpConnectionPtr&) {}); });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  EXPECT_TRUE(connection->connected());
  EXPECT_FALSE(connection->disconnected());
  EXPECT_TRUE(runOnLoop([&] { return connection->isReading(); }));
  EXPECT_EQ(connection->getLoop(), &loop());
  runOnLoop([&] { connection->stopRead(); });
  EXPECT_FALSE(runOnLoop([&] { return connection->isReading(); }));
  runOnLoop([&] { connection->startRead(); });
  runOnLoop([&] { connection->shutdown(); });
  EXPECT_FALSE(connection->connected());
  EXPECT_FALSE(connection->disconnected());
  peer.close();
  closed();
  EXPECT_FALSE(connection->connected());
  EXPECT_TRUE(connection->disconnected());
}

TEST_P(TcpIdentity, CanCloseByForceAfterADelay) {
  serveEcho();
  Peer peer(address());
  Peer other(address());
  const TcpConnectionPtr connection = accepted();
  const TcpConnectionPtr kept = accepted();
  kept->forceCloseWithDelay(std::chrono::hours(1));
  connection->forceCloseWithDelay(std::chrono::milliseconds(1));
  EXPECT_EQ(closed().connection, connection);
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_TRUE(kept->connected());
}

TERN_ON_EACH_POLLER(TcpIdentity);

}  // namespace
}  // namespace tern::testing
