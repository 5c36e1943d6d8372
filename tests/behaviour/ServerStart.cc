// ServerStart: binding, starting, limits, and on which loop a connection lives.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class ServerStart : public ServerFixture {
 protected:
  static void echo(TcpServer& server) {
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
  }
  static void expectEcho(Peer& peer) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }

  std::mutex mutex_;
  std::set<EventLoop*> loopsSeen_;  // guarded by mutex_
};

TEST_P(ServerStart, WithPort0TheKernelsChoiceCanBeReadBack) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  EXPECT_NE(server.address().port(), 0);
  EXPECT_EQ(server.address().toIp(), "127.0.0.1");
  EXPECT_EQ(server.ipPort(), "127.0.0.1:" + std::to_string(server.address().port()));
  EXPECT_EQ(server.name(), "test");
  EXPECT_EQ(server.getLoop(), &loop);
  const TcpServer another(&loop, SocketAddress(0, true), "another");
  EXPECT_NE(server.address().port(), another.address().port());
}

TEST_P(ServerStart, AServerThatIsNeverStartedEndsQuietly) {
  EventLoop loop(GetParam().spec);
  const TcpServer server(&loop, SocketAddress(0, true), "test");
  EXPECT_TRUE(server.loops().empty());
  EXPECT_EQ(server.connectionCount(), 0U);
}

// Expects that call() throws a system_error with this number that names the server's address.
template <class Call>
void expectRefused(int errnum, const std::string& address, Call&& call) {
  try {
    call();
    FAIL() << address << " was not refused";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::error_code(errnum, std::system_category()));
    EXPECT_NE(std::string(error.what()).find(address), std::string::npos) << error.what();
  }
}

TEST_P(ServerStart, AnAddressInUseIsASystemErrorThatNamesIt) {
  EventLoop loop(GetParam().spec);
  TcpServer first(&loop, SocketAddress(0, true), "first");
  first.start();
  expectRefused(EADDRINUSE, first.ipPort(),
                [&] { const TcpServer second(&loop, first.address(), "second"); });
  expectRefused(EADDRINUSE, first.ipPort(), [&] {
    const TcpServer second(&loop, first.address(), "second", TcpServer::Option::kReusePort);
  });
}

TEST_P(ServerStart, AnAddressTakenBetweenBindingAndStartingIsOneToo) {
  EventLoop loop(GetParam().spec);
  TcpServer first(&loop, SocketAddress(0, true), "first");
  TcpServer second(&loop, first.address(), "second");  // nobody listens yet
  first.start();
  expectRefused(EADDRINUSE, first.ipPort(), [&] { second.start(); });
}

TEST_P(ServerStart, AnAddressOfAnotherMachineIsASystemErrorThatNamesIt) {
  EventLoop loop(GetParam().spec);
  expectRefused(EADDRNOTAVAIL, "192.0.2.1:0",
                [&] { const TcpServer server(&loop, SocketAddress("192.0.2.1", 0), "test"); });
}

TEST_P(ServerStart, StartingTwiceChangesNothing) {
  std::atomic<int> initialised{0};
  serve([&](TcpServer& server) {
    echo(server);
    server.setThreadNum(2);
    server.setThreadInitCallback([&](EventLoop*) { ++initialised; });
  });
  const std::vector<EventLoop*> loops = runOnLoop([this] { return server().loops(); });
  runOnLoop([this] {
    server().start();
    server().start();
  });
  EXPECT_EQ(initialised, 2);
  EXPECT_EQ(runOnLoop([this] { return server().loops(); }), loops);
  Peer peer(address());
  expectEcho(peer);
}

TEST_P(ServerStart, WithoutThreadsTheBaseLoopServes) {
  serve([this](TcpServer& server) {
    echo(server);
    server.setThreadInitCallback([this](EventLoop* initialised) {
      EXPECT_EQ(initialised, &loop());
      const std::lock_guard lock(mutex_);
      loopsSeen_.insert(initialised);
    });
  });
  EXPECT_EQ(loopsSeen_, std::set<EventLoop*>{&loop()});
  EXPECT_EQ(runOnLoop([this] { return server().loops(); }), std::vector<EventLoop*>{&loop()});
  Peer peer(address());
  expectEcho(peer);
  EXPECT_EQ(accepted()->getLoop(), &loop());
}

TEST_P(ServerStart, TheThreadInitCallbackRunsOnEachServingLoop) {
  serve([this](TcpServer& server) {
    server.setThreadNum(3);
    server.setThreadInitCallback([this](EventLoop* initialised) {
      EXPECT_TRUE(initialised->isInLoopThread());
      const std::lock_guard lock(mutex_);
      loopsSeen_.insert(initialised);
    });
  });
  const std::vector<EventLoop*> loops = runOnLoop([this] { return server().loops(); });
  EXPECT_EQ(loops.size(), 3U);
  EXPECT_EQ(loopsSeen_, std::set<EventLoop*>(loops.begin(), loops.end()));
  EXPECT_FALSE(loopsSeen_.contains(&loop()));
}

TEST_P(ServerStart, EveryCallbackRunsOnTheConnectionsOwnLoop) {
  const auto check = [this](const TcpConnectionPtr& connection) {
    EXPECT_TRUE(connection->getLoop()->isInLoopThread());
    const std::lock_guard lock(mutex_);
    loopsSeen_.insert(connection->getLoop());
  };
  onUp = check;
  onDown = check;
  Mailbox<int> completions;
  serve([&](TcpServer& server) {
    server.setThreadNum(3);
    server.setMessageCallback(
        [check](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
          check(connection);
          connection->send(buffer);
        });
    server.setWriteCompleteCallback([check, &completions](const TcpConnectionPtr& connection) {
      check(connection);
      completions.put(1);
    });
    server.setHalfCloseCallback([check](const TcpConnectionPtr& connection) {
      check(connection);
      connection->shutdown();
    });
  });
  for (int i = 0; i < 6; ++i) {
    Peer peer(address());
    expectEcho(peer);
    completions.take();
    peer.shutdownWrite();
    EXPECT_EQ(peer.receiveUntilEof(), "");
  }
  downs().awaitTotal(6);
  const std::vector<EventLoop*> loops = runOnLoop([this] { return server().loops(); });
  EXPECT_EQ(loopsSeen_, std::set<EventLoop*>(loops.begin(), loops.end()));
  stop();
}

TEST_P(ServerStart, ServingLoopsHaveThePollerOfTheBaseLoopOrTheOneAskedFor) {
  serve([](TcpServer& server) { server.setThreadNum(2); });
  for (EventLoop* each : runOnLoop([this] { return server().loops(); })) {
    EXPECT_EQ(each->pollerChoice().chosen, loop().pollerChoice().chosen);
  }
  stop();
  serve([](TcpServer& server) {
    server.setThreadNum(2);
    server.setPollerSpec(PollerKind::kPoll);
    echo(server);
  });
  for (EventLoop* each : runOnLoop([this] { return server().loops(); })) {
    EXPECT_EQ(each->pollerChoice().chosen, "poll");
  }
  Peer peer(address());
  expectEcho(peer);
}

TEST_P(ServerStart, APollerThatCannotBeMadeIsThrownByStart) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  server.setThreadNum(2);
  server.setPollerSpec(PollerSpec(
      []() -> std::unique_ptr<Poller> { throw std::domain_error("no such poller"); }, "broken"));
  EXPECT_THROW(server.start(), std::domain_error);
}

TEST_P(ServerStart, ConnectionsAreNumberedAndNamedAfterTheServer) {
  serve(echo);
  const Peer first(address());
  const TcpConnectionPtr one = accepted();
  const Peer second(address());
  const TcpConnectionPtr two = accepted();
  EXPECT_NE(one->id(), two->id());
  EXPECT_EQ(runOnLoop([&] { return one->name(); }), "test#" + std::to_string(one->id()));
  EXPECT_EQ(one->peerAddress(), first.localAddress());
  EXPECT_EQ(runOnLoop([&] { return two->localAddress(); }), address());
}

TEST_P(ServerStart, AboveTheLimitConnectionsAreClosedUntilOneEnds) {
  const LogCapture log;
  serve([](TcpServer& server) {
    echo(server);
    server.setMaxConnections(2);
  });
  std::optional<Peer> first(address());
  expectEcho(*first);
  Peer second(address());
  expectEcho(second);
  for (int i = 0; i < 5; ++i) {
    Peer refused(address());
    EXPECT_EQ(refused.receiveUntilEnd().bytes, "");
  }
  EXPECT_EQ(server().connectionCount(), 2U);
  EXPECT_EQ(log.count("the limit of 2 connections is reached"), 1U);
  expectEcho(second);
  first.reset();
  EXPECT_TRUE(eventually([this] { return server().connectionCount() == 1; }));
  Peer third(address());
  expectEcho(third);
  EXPECT_EQ(ups().total(), 3U);
}

TEST_P(ServerStart, TheLimitHoldsForAllLoopsTogether) {
  const LogCapture log;
  serve([](TcpServer& server) {
    echo(server);
    server.setThreadNum(3);
    server.setMaxConnections(4);
  });
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    expectEcho(*peers.back());
  }
  Peer refused(address());
  EXPECT_EQ(refused.receiveUntilEnd().bytes, "");
  for (const auto& peer : peers) expectEcho(*peer);
}

TEST_P(ServerStart, CountsGoBackToZero) {
  serve([](TcpServer& server) {
    echo(server);
    server.setThreadNum(2);
  });
  {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 20; ++i) {
      peers.push_back(std::make_unique<Peer>(address()));
      expectEcho(*peers.back());
    }
    EXPECT_EQ(server().connectionCount(), 20U);
  }
  downs().awaitTotal(20);
  EXPECT_TRUE(eventually([this] { return server().connectionCount() == 0; }));
  for (EventLoop* each : runOnLoop([this] { return server().loops(); })) {
    EXPECT_TRUE(eventually([each] { return each->connectionCount() == 0; }));
  }
}

TERN_ON_EACH_POLLER(ServerStart);

}  // namespace
}  // namespace tern::testing
