// ServerBalance: which loop gets a connection, from one listener and from one a loop.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using Balance = TcpServer::Balance;

// A client with an address of its own in 127.0.0.0/8.
UniqueFd connectFrom(const std::string& ip, const SocketAddress& server) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress own(ip, 0);
  if (::bind(fd.get(), own.sockAddr(), own.sockAddrLength()) != 0 ||
      ::connect(fd.get(), server.sockAddr(), server.sockAddrLength()) != 0) {
    throw std::system_error(errno, std::system_category(), "a client at " + ip);
  }
  return fd;
}

class ServerBalance : public ServerFixture {
 protected:
  void serveBalanced(Balance balance, std::size_t threads,
                     TcpServer::Option option = TcpServer::Option::kNoReusePort) {
    serve(
        [&](TcpServer& server) {
          server.setThreadNum(threads);
          server.setBalance(balance);
          server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer,
                                       Timestamp) { connection->send(buffer); });
        },
        option);
    loops_ = runOnLoop([this] { return server().loops(); });
  }

  // The loop of the connection that comes up next, as an index.
  std::size_t nextLoop() {
    EventLoop* loop = accepted()->getLoop();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      if (loops_[i] == loop) return i;
    }
    ADD_FAILURE() << "a connection on a loop that is not the server's";
    return 0;
  }

  std::vector<EventLoop*> loops_;
};

TEST_P(ServerBalance, RoundRobinGivesEachLoopItsTurn) {
  serveBalanced(Balance::kRoundRobin, 3);
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::size_t i = 0; i < 9; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    EXPECT_EQ(nextLoop(), i % 3);
  }
}

TEST_P(ServerBalance, LeastConnectionsFillsTheEmptiestLoop) {
  serveBalanced(Balance::kLeastConnections, 2);
  std::vector<std::vector<std::unique_ptr<Peer>>> onLoop(2);
  for (int i = 0; i < 6; ++i) {
    auto peer = std::make_unique<Peer>(address());
    onLoop[nextLoop()].push_back(std::move(peer));
  }
  EXPECT_EQ(onLoop[0].size(), 3U);
  EXPECT_EQ(onLoop[1].size(), 3U);
  onLoop[1].clear();
  downs().awaitTotal(3);
  EXPECT_TRUE(eventually([this] { return loops_[1]->connectionCount() == 0; }));
  for (int i = 0; i < 3; ++i) {
    onLoop[1].push_back(std::make_unique<Peer>(address()));
    EXPECT_EQ(nextLoop(), 1U);
  }
  EXPECT_EQ(loops_[0]->connectionCount(), 3U);
  EXPECT_EQ(loops_[1]->connectionCount(), 3U);
}

TEST_P(ServerBalance, ByPeerHostAClientKeepsItsLoop) {
  serveBalanced(Balance::kByPeerHost, 3);
  std::set<std::size_t> used;
  std::vector<UniqueFd> clients;
  for (int host = 1; host <= 12; ++host) {
    const std::string ip = "127.0.0." + std::to_string(host);
    const std::size_t expected = SocketAddress(ip, 0).hashOfHost() % loops_.size();
    for (int i = 0; i < 3; ++i) {
      clients.push_back(connectFrom(ip, address()));
      EXPECT_EQ(nextLoop(), expected) << ip;
    }
    used.insert(expected);
  }
  EXPECT_GT(used.size(), 1U);
}

TEST_P(ServerBalance, WithoutThreadsAnyBalanceIsTheBaseLoop) {
  for (const Balance balance :
       {Balance::kRoundRobin, Balance::kLeastConnections, Balance::kByPeerHost}) {
    serveBalanced(balance, 0);
    const Peer peer(address());
    EXPECT_EQ(accepted()->getLoop(), &loop());
    stop();
  }
}

TEST_P(ServerBalance, WithReusePortEachLoopAccepts) {
  serveBalanced(Balance::kRoundRobin, 3, TcpServer::Option::kReusePort);
  EXPECT_EQ(loops_.size(), 3U);
  std::map<std::size_t, int> perLoop;
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 60; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    ++perLoop[nextLoop()];
    peers.back()->sendAll("ping");
    EXPECT_EQ(peers.back()->receiveExactly(4), "ping");
  }
  // The kernel hashes addresses and ports; that 60 clients should all meet one of three is out of
  // the question.
  EXPECT_GT(perLoop.size(), 1U);
  EXPECT_EQ(server().connectionCount(), 60U);
}

TEST_P(ServerBalance, WithReusePortAndNoThreadsTheBaseLoopAccepts) {
  serveBalanced(Balance::kRoundRobin, 0, TcpServer::Option::kReusePort);
  Peer peer(address());
  EXPECT_EQ(accepted()->getLoop(), &loop());
  peer.sendAll("ping");
  EXPECT_EQ(peer.receiveExactly(4), "ping");
}

TEST_P(ServerBalance, WithReusePortTwoServersMayShareAnAddress) {
  serveBalanced(Balance::kRoundRobin, 0, TcpServer::Option::kReusePort);
  LoopThread thread(GetParam().spec);
  auto second = runOn(thread.loop(), [&] {
    auto server = std::make_unique<TcpServer>(&thread.loop(), address(), "second",
                                              TcpServer::Option::kReusePort);
    server->setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server->start();
    return server;
  });
  EXPECT_EQ(second->address(), address());
  for (int i = 0; i < 20; ++i) {
    Peer peer(address());
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
  runOn(thread.loop(), [&] { second.reset(); });
}

TERN_ON_EACH_POLLER(ServerBalance);

}  // namespace
}  // namespace tern::testing
