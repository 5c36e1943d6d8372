// ServerRestart: start() called again, after a failure or after stop(); and a server in the place
// of one that is gone.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"

namespace tern::testing {
namespace {

class ServerRestart : public OnEachPoller {
 protected:
  static void echo(TcpServer& server) {
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
  }

  // The loop runs on this thread, so the answer is waited for by running it.
  void expectEcho(Peer& peer) {
    peer.sendAll("ping");
    std::array<char, 4> answer{};
    runUntil(loop_, [&] {
      return ::recv(peer.fd(), answer.data(), answer.size(), MSG_PEEK | MSG_DONTWAIT) == 4;
    });
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
  void expectService(const TcpServer& server) {
    Peer peer(server.address());
    expectEcho(peer);
  }
  // Whoever else may have the port by now, this server does not serve.
  void expectNoService(TcpServer& server) {
    try {
      const Peer peer(server.address());
      runTurns(loop_, 20);
    } catch (const std::runtime_error&) {
      // Refused: nobody has it.
    }
    EXPECT_EQ(server.connectionCount(), 0U);
    EXPECT_EQ(ups_, 0);
  }
  void countConnections(TcpServer& server) {
    server.setConnectionCallback([this](const TcpConnectionPtr& connection) {
      if (connection->connected()) ++ups_;
    });
  }
  void stop(TcpServer& server) {
    server.stop(Duration::zero(), [this] { loop_.quit(); });
    run(loop_);
  }

  int ups_ = 0;
  EventLoop loop_{GetParam().spec};
};

// No turn in between: the old one's connections and requests are still on their way out.
TEST_P(ServerRestart, OnThePortOfAServerThatIsGoneNeedsNoTurns) {
  std::optional<SocketAddress> address;
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 6; ++i) {
    TcpServer server(&loop_, address.value_or(SocketAddress(0, true)), "test");
    echo(server);
    server.start();
    address = server.address();
    // The first of each two has no turn itself, and a client in the kernel's queue.
    peers.push_back(std::make_unique<Peer>(server.address()));
    if (i % 2 == 1) expectEcho(*peers.back());
  }
}

TEST_P(ServerRestart, OnThePortOfAServerWithAListenerALoopNeedsNoTurns) {
  std::optional<SocketAddress> address;
  for (int i = 0; i < 4; ++i) {
    TcpServer server(&loop_, address.value_or(SocketAddress(0, true)), "test",
                     TcpServer::Option::kReusePort);
    echo(server);
    server.setThreadNum(2);
    server.start();
    address = server.address();
    // A listener that lived on would get some of these, and serve none.
    for (int n = 0; n < 8; ++n) expectService(server);
  }
}

TEST_P(ServerRestart, AfterStopDoesNothing) {
  TcpServer server(&loop_, SocketAddress(0, true), "test");
  countConnections(server);
  server.start();
  stop(server);
  server.start();
  expectNoService(server);
}

TEST_P(ServerRestart, AfterStopDoesNothingEvenIfItWasTheFirstStart) {
  TcpServer server(&loop_, SocketAddress(0, true), "test");
  countConnections(server);
  stop(server);
  server.start();
  EXPECT_TRUE(server.loops().empty());
  expectNoService(server);
}

TEST_P(ServerRestart, AfterAFailureServesOnceTheAddressIsFree) {
  for (const std::size_t threads : {0U, 2U}) {
    auto first = std::make_unique<TcpServer>(&loop_, SocketAddress(0, true), "first");
    echo(*first);
    TcpServer second(&loop_, first->address(), "second");  // nobody listens yet
    echo(second);
    first->start();
    for (int i = 0; i < 3; ++i) {
      // Settings may be made until it succeeds.
      second.setThreadNum(threads);
      EXPECT_THROW(second.start(), std::system_error);
      EXPECT_TRUE(second.loops().empty());
    }
    expectService(*first);
    first.reset();
    second.start();
    expectService(second);
    EXPECT_EQ(second.loops().size(), std::max<std::size_t>(threads, 1));
  }
}

TERN_ON_EACH_POLLER(ServerRestart);

}  // namespace
}  // namespace tern::testing
