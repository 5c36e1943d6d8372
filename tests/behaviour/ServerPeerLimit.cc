// ServerPeerLimit: how many connections one peer may have, and that it costs the others nothing.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using Option = TcpServer::Option;

class ServerPeerLimit : public ServerFixture {
 protected:
  void serveLimited(std::size_t limit, std::size_t threads = 0,
                    Option option = Option::kNoReusePort) {
    serve(
        [&](TcpServer& server) {
          server.setThreadNum(threads);
          server.setMaxConnectionsPerPeer(limit);
          server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input,
                                       Timestamp) { connection->send(input); });
        },
        option);
  }

  // A client with this address.
  [[nodiscard]] std::unique_ptr<Peer> connectFrom(const std::string& host) const {
    const SocketAddress local(host, 0);
    UniqueFd fd(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress server = address();
    if (::bind(fd.get(), local.sockAddr(), local.sockAddrLength()) != 0 ||
        ::connect(fd.get(), server.sockAddr(), server.sockAddrLength()) != 0) {
      throw std::runtime_error("a client from " + host + " can't connect");
    }
    return std::make_unique<Peer>(std::move(fd));
  }

  static void expectServed(Peer& peer) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
  void expectRefused() {
    Peer refused(address());
    EXPECT_EQ(refused.receiveUntilEnd().bytes, "");
  }
};

TEST_P(ServerPeerLimit, AboveItConnectionsAreClosedAndOtherPeersAreServed) {
  const LogCapture log;
  for (const std::size_t threads : {0U, 3U}) {
    serveLimited(2, threads);
    auto first = std::make_unique<Peer>(address());
    Peer second(address());
    expectServed(*first);
    expectServed(second);
    for (int i = 0; i < 5; ++i) expectRefused();
    const auto other = connectFrom("127.0.0.2");
    expectServed(*other);
    expectServed(second);
    EXPECT_EQ(server().connectionCount(), 3U);
    first.reset();
    ASSERT_TRUE(eventually([this] { return server().connectionCount() == 2; }));
    Peer third(address());
    expectServed(third);
    expectRefused();
    stop();
  }
  EXPECT_EQ(log.count("a peer has reached the limit of 2 connections"), 2U);
}

TEST_P(ServerPeerLimit, HoldsForAllListenersTogether) {
  const LogCapture log;
  serveLimited(4, 3, Option::kReusePort);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    expectServed(*peers.back());
  }
  expectRefused();
}

TEST_P(ServerPeerLimit, IsGivenBackByEveryConnectionHoweverShort) {
  const LogCapture log;
  serveLimited(1, 2);
  const auto isServed = [this] {
    try {
      Peer peer(address());
      expectServed(peer);
      return true;
    } catch (const std::runtime_error&) {
      return false;  // the one before may not be over yet
    }
  };
  for (int i = 0; i < 20; ++i) {
    {
      const Peer gone(address());
    }
    ASSERT_TRUE(eventually(isServed));
  }
}

TEST_P(ServerPeerLimit, AnIPv4ClientOfAnIPv6ServerIsItself) {
  const LogCapture log;
  listenAddress = SocketAddress(0, false, true);
  serveLimited(1);
  const SocketAddress plain("127.0.0.1", address().port());
  Peer first(plain);
  expectServed(first);
  Peer refused(plain);
  EXPECT_EQ(refused.receiveUntilEnd().bytes, "");
  Peer sixth(SocketAddress("::1", address().port()));
  expectServed(sixth);
}

TEST_P(ServerPeerLimit, PeersWithoutAnAddressAreNotCounted) {
  listenAddress = SocketAddress::unixAbstract("tern-peer-limit-" + std::to_string(::getpid()) +
                                              GetParam().name);
  serveLimited(1);
  Peer first(address());
  Peer second(address());
  expectServed(first);
  expectServed(second);
}

TEST_P(ServerPeerLimit, OfZeroServesNobody) {
  const LogCapture log;
  serveLimited(0);
  expectRefused();
  expectRefused();
}

TERN_ON_EACH_POLLER(ServerPeerLimit);

}  // namespace
}  // namespace tern::testing
