// LifetimeServer: servers that end under fire, and connections that outlive them.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using Option = TcpServer::Option;

class LifetimeServer : public ServerFixture {
 protected:
  void serveEchoOn(std::size_t threads, Option option = Option::kNoReusePort) {
    serve(
        [threads](TcpServer& server) {
          server.setThreadNum(threads);
          server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer,
                                       Timestamp) { connection->send(buffer); });
        },
        option);
  }

  // Clients that send, and take what comes back, until the server ends.
  class Firing {
   public:
    Firing(const SocketAddress& server, int clients) {
      for (int i = 0; i < clients; ++i) {
        threads_.emplace_back([this, peer = std::make_shared<Peer>(server)] {
          const std::string block(2'000, 'x');
          for (;;) {
            if (peer->sendNow(block) < 0 && errno != EAGAIN) break;
            try {
              if (peer->receiveSome().empty()) break;
            } catch (const std::runtime_error&) {
              break;  // a reset
            }
            ++rounds_;
          }
        });
      }
    }
    Firing(const Firing&) = delete;
    Firing& operator=(const Firing&) = delete;
    ~Firing() {
      for (std::thread& thread : threads_) thread.join();
    }
    void awaitRounds(int count) {
      EXPECT_TRUE(eventually([&] { return rounds_ >= count; }));
    }

   private:
    std::atomic<int> rounds_{0};
    std::vector<std::thread> threads_;
  };
};

TEST_P(LifetimeServer, EndsWhileClientsSend) {
  for (const std::size_t threads : {0U, 3U}) {
    for (const Option option : {Option::kNoReusePort, Option::kReusePort}) {
      serveEchoOn(threads, option);
      {
        Firing firing(address(), 6);
        firing.awaitRounds(50);
        stopServer();
      }
      stop();
    }
  }
}

TEST_P(LifetimeServer, EndsWhileClientsConnect) {
  for (const std::size_t threads : {0U, 3U}) {
    serveEchoOn(threads);
    std::atomic<bool> stopped{false};
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([this, &stopped] {
        while (!stopped) {
          try {
            Peer peer(address());
            peer.sendNow("x");
          } catch (const std::runtime_error&) {
            // Refused, once it has ended.
          }
        }
      });
    }
    ups().awaitTotal(ups().total() + 20);
    stopServer();
    stopped = true;
    for (std::thread& client : clients) client.join();
    stop();
  }
}

TEST_P(LifetimeServer, EndsWhileOtherThreadsUseItsConnections) {
  serveEchoOn(2);
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<TcpConnectionPtr> connections;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    connections.push_back(accepted());
  }
  std::atomic<bool> stopped{false};
  std::vector<std::thread> users;
  for (int i = 0; i < 3; ++i) {
    users.emplace_back([&, i] {
      for (int n = 0; n < 200 || !stopped; ++n) {
        const TcpConnectionPtr& connection = connections[static_cast<std::size_t>(n + i) % 6];
        connection->send("from another thread");
        connection->stopRead();
        connection->startRead();
        if (n == 150) connection->shutdown();
        if (n == 170) connection->forceClose();
        if (n == 180) connection->forceCloseWithDelay(1ms);
        std::this_thread::yield();
      }
    });
  }
  downs().awaitTotal(1);
  stopServer();
  stopped = true;
  for (std::thread& user : users) user.join();
  for (const TcpConnectionPtr& connection : connections) EXPECT_TRUE(connection->disconnected());
  downs().awaitTotal(6);
}

void useInVain(const TcpConnectionPtr& connection) {
  EXPECT_FALSE(connection->connected());
  EXPECT_TRUE(connection->disconnected());
  connection->send("too late");
  connection->send(std::string(100'000, 'x'));
  connection->send(std::make_shared<const std::string>("too late"));
  Buffer buffer;
  buffer.append("too late");
  connection->send(&buffer);
  connection->shutdown();
  connection->forceClose();
  connection->forceCloseWithDelay(1ms);
  connection->stopRead();
  connection->startRead();
  EXPECT_GT(connection->id(), 0U);
  EXPECT_EQ(connection->peerAddress().toIp(), "127.0.0.1");
  EXPECT_TRUE(connection->getTcpInfoString().empty());
}

TEST_P(LifetimeServer, AConnectionKeptBeyondItsServerAndLoopIsHarmless) {
  for (const std::size_t threads : {0U, 2U}) {
    serveEchoOn(threads);
    const Peer peer(address());
    TcpConnectionPtr connection = accepted();
    stopServer();
    useInVain(connection);
    runOnLoop([&] { useInVain(connection); });
    runOnLoop([] {});
    stop();
    useInVain(connection);
    std::thread([&connection] {
      useInVain(connection);
      connection.reset();
    }).join();
  }
}

TEST_P(LifetimeServer, AConnectionIsFreedOnceNobodyHoldsIt) {
  serveEchoOn(0);
  std::weak_ptr<TcpConnection> watch;
  {
    const Peer peer(address());
    watch = accepted();
    EXPECT_FALSE(watch.expired());  // while it is up it holds itself
  }
  // The fixture's note of the end holds it, too.
  closed();
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

TEST_P(LifetimeServer, SiblingsOnDifferentLoopsMayCloseEachOther) {
  Mailbox<int> asked;
  std::mutex mutex;
  std::vector<TcpConnectionPtr> connections;  // guarded by mutex
  serve([&](TcpServer& server) {
    server.setThreadNum(2);
    server.setMessageCallback([&](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
      buffer->retrieveAll();
      const std::lock_guard lock(mutex);
      for (const TcpConnectionPtr& each : connections) each->forceClose();
      asked.put(1);
    });
  });
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    TcpConnectionPtr connection = accepted();
    const std::lock_guard lock(mutex);
    connections.push_back(std::move(connection));
  }
  // Both loops at once: each may find its connections closed by the other.
  peers[0]->sendNow("x");
  peers[1]->sendNow("x");
  asked.take();
  for (const auto& peer : peers) peer->receiveUntilEnd();
  downs().awaitTotal(10);
  stop();
}

TEST_P(LifetimeServer, AnExceptionOutOfTheLastCallbackDoesNotKeepTheServerFromEnding) {
  const LogCapture log;
  onDown = [](const TcpConnectionPtr&) { throw std::runtime_error("no farewell"); };
  serveEchoOn(0);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    accepted();
  }
  stopServer();
  EXPECT_EQ(log.count("no farewell"), 3U);
  for (const auto& peer : peers) peer->receiveUntilEnd();
  downs().awaitTotal(3);
}

TEST_P(LifetimeServer, EndsEachConnectionThoughTheirCallbacksThrow) {
  const LogCapture log;
  EventLoop loop(GetParam().spec);
  auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
  int downs = 0;
  server->setConnectionCallback([&downs](const TcpConnectionPtr& connection) {
    if (connection->connected()) return;
    ++downs;
    if (downs == 1) throw std::runtime_error("the first");
    if (downs == 2) throw 2;
  });
  server->start();
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.emplace_back(server->address());
  runUntil(loop, [&] { return server->connectionCount() == 4; });
  server.reset();
  EXPECT_EQ(downs, 4);
  EXPECT_EQ(log.count("error: a connection callback threw while its server ended: the first"), 1U);
  EXPECT_EQ(log.count("error: a connection callback threw while its server ended"), 2U);
  runTurns(loop, 10);
  for (Peer& peer : peers) EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
}

TERN_ON_EACH_POLLER(LifetimeServer);

class LifetimeExceptions : public OnEachPoller {};

TEST_P(LifetimeExceptions, OutOfTheUpCallbackLeaveTheConnectionUp) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  int downs = 0;
  server.setConnectionCallback([&](const TcpConnectionPtr& connection) {
    if (connection->disconnected()) {
      ++downs;
      return;
    }
    connection->send("hello");
    // Of the kind that the library throws itself when a socket can't be taken.
    throw std::system_error(ENOENT, std::system_category(), "the user's own trouble");
  });
  server.start();
  Peer peer(server.address());
  EXPECT_THROW(run(loop), std::system_error);
  EXPECT_EQ(server.connectionCount(), 1U);
  EXPECT_EQ(loop.connectionCount(), 1U);
  runTurns(loop, 5);
  EXPECT_EQ(peer.receiveExactly(5), "hello");
  peer.close();
  runUntil(loop, [&] { return downs == 1; });
  EXPECT_EQ(server.connectionCount(), 0U);
  EXPECT_EQ(loop.connectionCount(), 0U);
}

TEST_P(LifetimeExceptions, AfterTheUpCallbackDestroyedTheServerAreNotLost) {
  EventLoop loop(GetParam().spec);
  auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
  int downs = 0;
  server->setConnectionCallback([&](const TcpConnectionPtr& connection) {
    if (connection->disconnected()) {
      ++downs;
      return;
    }
    server.reset();
    throw std::system_error(ENOENT, std::system_category(), "the user's own trouble");
  });
  server->start();
  const Peer peer(server->address());
  EXPECT_THROW(run(loop), std::system_error);
  EXPECT_EQ(downs, 1);
  EXPECT_EQ(loop.connectionCount(), 0U);
}

TEST_P(LifetimeExceptions, OutOfTheMessageCallbackStillSendWhatItSent) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  server.setMessageCallback([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer->retrieveAllAsString());
    throw std::runtime_error("message");
  });
  server.start();
  Peer peer(server.address());
  for (int round = 0; round < 3; ++round) {
    peer.sendAll("x");
    EXPECT_THROW(run(loop), std::runtime_error);
    runTurns(loop, 5);
    EXPECT_EQ(peer.receiveExactly(1), "x");
  }
}

TERN_ON_EACH_POLLER(LifetimeExceptions);

// In a process of its own: what goes wrong here hangs, or ends the program.
class LifetimeEndsDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LifetimeEndsDeathTest, AnyExceptionOutOfATurnEndTaskIsSurvivedByTheLoopsEnd) {
  EXPECT_EXIT(
      {
        auto loop = std::make_unique<EventLoop>();
        loop->atTurnEnd(nullptr, [](void*) { throw 42; });
        loop.reset();
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(LifetimeEndsDeathTest, NotEvenAQuitOfAServingLoopKeepsTheServerFromEnding) {
  EXPECT_EXIT(
      {
        ::alarm(60);
        EventLoop loop;
        auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
        server->setThreadNum(2);
        server->start();
        const Peer peer(server->address());
        runUntil(loop, [&] { return server->connectionCount() == 1; });
        for (EventLoop* each : server->loops()) each->quit();
        server.reset();
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(LifetimeEndsDeathTest, AnyExceptionOutOfTheLastCallbackIsSurvivedByTheServersEnd) {
  EXPECT_EXIT(
      {
        EventLoop loop;
        auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
        server->setConnectionCallback([](const TcpConnectionPtr& connection) {
          if (connection->disconnected()) throw 42;
        });
        server->start();
        const Peer peer(server->address());
        runUntil(loop, [&] { return server->connectionCount() == 1; });
        server.reset();
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tern::testing
