// ServerIPv6: a server on the IPv6 loopback address.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

bool machineHasIpv6() {
  const SocketAddress any(0, true, true);
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd && ::bind(fd.get(), any.sockAddr(), any.sockAddrLength()) == 0;
}

class ServerIPv6 : public ServerFixture {
 protected:
  void SetUp() override {
    if (!machineHasIpv6()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
    listenAddress = SocketAddress("::1", 0);
  }
};

TEST_P(ServerIPv6, EchoesAndKnowsBothEnds) {
  serveEcho();
  EXPECT_TRUE(address().isIpv6());
  EXPECT_NE(address().port(), 0);
  EXPECT_EQ(server().ipPort(), "[::1]:" + std::to_string(address().port()));
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  EXPECT_EQ(connection->peerAddress(), peer.localAddress());
  EXPECT_EQ(connection->peerAddress().toIp(), "::1");
  EXPECT_EQ(runOnLoop([&] { return connection->localAddress(); }), address());
  const std::string words = patternOf(1000);
  peer.sendAll(words);
  expectSameBytes(peer.receiveExactly(words.size()), words);
  peer.close();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(ServerIPv6, WithAListenerALoopServesOnAllOfThem) {
  serve(
      [](TcpServer& server) {
        server.setThreadNum(2);
        server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer,
                                     Timestamp) { connection->send(buffer); });
      },
      TcpServer::Option::kReusePort);
  for (int i = 0; i < 8; ++i) {
    Peer peer(address());
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
}

TEST_P(ServerIPv6, OnTheUnspecifiedAddressServesIPv4ClientsToo) {
  listenAddress = SocketAddress(0, false, true);
  serveEcho();
  Peer six(SocketAddress("::1", address().port()));
  Peer four(SocketAddress("127.0.0.1", address().port()));
  for (Peer* peer : {&six, &four}) {
    peer->sendAll("ping");
    EXPECT_EQ(peer->receiveExactly(4), "ping");
  }
  const SocketAddress first = accepted()->peerAddress();
  const SocketAddress second = accepted()->peerAddress();
  EXPECT_EQ(first, six.localAddress());
  EXPECT_EQ(second.toIp(), "::ffff:127.0.0.1");
  EXPECT_EQ(second.unmapped(), four.localAddress());
}

TEST_P(ServerIPv6, ReportsAnAddressInUseByItsName) {
  serveEcho();
  runOnLoop([this] {
    try {
      const TcpServer another(&loop(), address(), "another");
      ADD_FAILURE() << "two servers listen on one address";
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find(address().toIpPort()), std::string::npos);
    }
  });
}

TERN_ON_EACH_POLLER(ServerIPv6);

}  // namespace
}  // namespace tern::testing
