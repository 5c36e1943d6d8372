// ServerStop: stop() drains: accept no more, finish what is under way, and force what does not end.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// Tells whether a client is refused, as opposed to let in or reset.
bool refusesClients(const SocketAddress& server) {
  const UniqueFd fd(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), server.sockAddr(), server.sockAddrLength()) != 0 &&
         errno == ECONNREFUSED;
}

class ServerStop : public ServerFixture {
 protected:
  // For stop(): notes that it was done, and where.
  std::function<void()> doneCallback() {
    return [this] {
      EXPECT_TRUE(loop().isInLoopThread());
      done_.put(Clock::now());
    };
  }

  std::vector<std::unique_ptr<Peer>> connectPeers(std::size_t count) {
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::size_t i = 0; i < count; ++i) peers.push_back(std::make_unique<Peer>(address()));
    ups().awaitTotal(count);
    return peers;
  }

  static void threads(TcpServer& server) { server.setThreadNum(3); }
  static void noThreads(TcpServer& /*server*/) {}

  Mailbox<Timestamp> done_;
};

TEST_P(ServerStop, WithoutConnectionsIsDoneSoon) {
  serve(noThreads);
  server().stop(1h, doneCallback());
  done_.take();
  EXPECT_TRUE(eventually([this] { return refusesClients(address()); }));
}

TEST_P(ServerStop, BeforeStartReleasesTheAddress) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  int done = 0;
  server.stop(1h, [&] {
    ++done;
    loop.quit();
  });
  EXPECT_EQ(done, 0);  // from a functor, not from the call
  run(loop);
  EXPECT_EQ(done, 1);
  TcpServer next(&loop, server.address(), "next");
  next.start();
}

TEST_P(ServerStop, IdlePeersThatCloseAtEofEndItBeforeTheDeadline) {
  for (const auto& configure : {noThreads, threads}) {
    serve(configure);
    const std::size_t before = ups().total();
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 6; ++i) peers.push_back(std::make_unique<Peer>(address()));
    ups().awaitTotal(before + 6);
    server().stop(1h, doneCallback());
    for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
    EXPECT_EQ(done_.size(), 0U);
    peers.clear();
    done_.take();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(closed().reason, std::error_code());
    EXPECT_EQ(server().connectionCount(), 0U);
    stop();
  }
}

TEST_P(ServerStop, PeersThatNeverCloseAreForcedAtTheDeadlineNotBefore) {
  for (const auto& configure : {noThreads, threads}) {
    serve(configure);
    const std::size_t before = ups().total();
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 4; ++i) peers.push_back(std::make_unique<Peer>(address()));
    ups().awaitTotal(before + 4);
    const Timestamp start = Clock::now();
    server().stop(30ms, doneCallback());
    EXPECT_GE(done_.take(), start + 30ms);
    EXPECT_EQ(server().connectionCount(), 0U);
    for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEnd().bytes, "");
    stop();
  }
}

TEST_P(ServerStop, WithAPastDeadlineForcesAtOnce) {
  serve(threads);
  const auto peers = connectPeers(4);
  server().stop(-1s, doneCallback());
  done_.take();
  EXPECT_EQ(server().connectionCount(), 0U);
}

TEST_P(ServerStop, PendingOutputArrivesBeforeTheFin) {
  const std::string reply = patternOf(std::size_t{4} * 1024 * 1024);
  Mailbox<int> asked;
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->send(reply);
    asked.put(1);
  });
  Peer peer(address(), 16 * 1024);
  peer.sendAll("?");
  asked.take();
  server().stop(1h, doneCallback());
  expectSameBytes(peer.receiveUntilEof(), reply);
  EXPECT_EQ(done_.size(), 0U);
  peer.close();
  done_.take();
}

TEST_P(ServerStop, WhatPeersStillSendStillArrives) {
  Mailbox<std::string> messages;
  serveMessages([&](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    messages.put(buffer->retrieveAllAsString());
  });
  Peer peer(address());
  accepted();
  server().stop(1h, doneCallback());
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.sendAll("late");
  EXPECT_EQ(takeBytes(messages, 4), "late");
  peer.close();
  done_.take();
}

TEST_P(ServerStop, RefusesNewClientsWhileItDrains) {
  for (const auto option : {TcpServer::Option::kNoReusePort, TcpServer::Option::kReusePort}) {
    serve(threads, option);
    const std::size_t before = ups().total();
    const Peer peer(address());
    ups().awaitTotal(before + 1);
    server().stop(1h, doneCallback());
    EXPECT_TRUE(eventually([this] { return refusesClients(address()); }));
    EXPECT_EQ(done_.size(), 0U);
    stop();
  }
}

TEST_P(ServerStop, IsDoneOnce) {
  serve(threads);
  auto peers = connectPeers(6);
  server().stop(20ms, doneCallback());
  // Some end by themselves, some at the deadline.
  peers.resize(3);
  done_.take();
  stopServer();
  runOnLoop([] {});
  EXPECT_EQ(done_.total(), 1U);
}

TEST_P(ServerStop, ASecondCallIsDoneTooAndBringsTheDeadlineForward) {
  serve(threads);
  const auto peers = connectPeers(3);
  server().stop(1h, doneCallback());
  runOnLoop([] {});
  EXPECT_EQ(done_.size(), 0U);
  server().stop(1ms, doneCallback());
  done_.awaitTotal(2);
}

TEST_P(ServerStop, ASecondCallCannotMoveTheDeadlineBack) {
  serve(noThreads);
  const auto peers = connectPeers(3);
  server().stop(1ms, doneCallback());
  server().stop(1h, doneCallback());
  server().stop(std::chrono::years(300), doneCallback());
  done_.awaitTotal(3);
}

TEST_P(ServerStop, AfterItWasDoneIsDoneAgain) {
  serve(threads);
  server().stop(1h, doneCallback());
  done_.take();
  server().stop(1h, doneCallback());
  done_.take();
  server().stop(0s);
  runOnLoop([] {});
}

TEST_P(ServerStop, OneDoneCallbackThatThrowsDoesNotLoseTheOthers) {
  serve(noThreads);
  const auto peers = connectPeers(1);
  server().stop(1h, [] { throw std::runtime_error("done"); });
  server().stop(1ms, doneCallback());
  done_.take();
  EXPECT_EQ(loopThread().escaped().take(), "done");
}

TEST_P(ServerStop, FromSeveralThreadsAtOnce) {
  serve(threads);
  const auto peers = connectPeers(5);
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([this] {
      for (int n = 0; n < 50; ++n) server().stop(5ms, doneCallback());
    });
  }
  for (std::thread& other : others) other.join();
  done_.awaitTotal(200);
}

TEST_P(ServerStop, InTheConnectionCallbackWhenUp) {
  for (const auto& configure : {noThreads, threads}) {
    onUp = [this](const TcpConnectionPtr&) { server().stop(1h, doneCallback()); };
    serve(configure);
    Peer peer(address());
    EXPECT_EQ(peer.receiveUntilEof(), "");
    peer.close();
    done_.take();
    stop();
  }
}

TEST_P(ServerStop, InTheConnectionCallbackWhenDown) {
  for (const auto& configure : {noThreads, threads}) {
    onDown = [this](const TcpConnectionPtr&) { server().stop(1h, doneCallback()); };
    serve(configure);
    {
      const Peer peer(address());
    }
    done_.take();
    EXPECT_TRUE(eventually([this] { return refusesClients(address()); }));
    stop();
  }
}

TEST_P(ServerStop, InTheMessageCallbackAfterAReply) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
    server().stop(1h, doneCallback());
  });
  Peer peer(address());
  peer.sendAll("bye");
  EXPECT_EQ(peer.receiveUntilEof(), "bye");
  peer.close();
  done_.take();
}

TEST_P(ServerStop, CatchesAConnectionOnItsWayToItsLoop) {
  serve([](TcpServer& server) { server.setThreadNum(1); });
  EventLoop* serving = runOnLoop([this] { return server().loops().front(); });
  Peer peer(address());
  {
    const LoopHold hold(*serving);
    const Peer late(address());
    EXPECT_TRUE(eventually([this] { return server().connectionCount() == 2; }));
    server().stop(1h, doneCallback());
    runOnLoop([] {});
  }
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.close();
  done_.take();
  EXPECT_EQ(server().connectionCount(), 0U);
}

TEST_P(ServerStop, TheServerMayEndWhileItDrains) {
  for (const auto& configure : {noThreads, threads}) {
    serve(configure);
    const std::size_t before = ups().total();
    Peer peer(address());
    ups().awaitTotal(before + 1);
    server().stop(1h, doneCallback());
    stop();
    EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
  }
  EXPECT_EQ(done_.total(), 0U);
}

TEST_P(ServerStop, TheServerMayEndInItsDoneCallback) {
  EventLoop loop(GetParam().spec);
  auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
  server->setThreadNum(2);
  server->start();
  const Peer peer(server->address());
  runUntil(loop, [&] { return server->connectionCount() == 1; });
  std::vector<int> order;
  server->stop(1ms, [&] {
    order.push_back(1);
    server.reset();
  });
  server->stop(1ms, [&] {
    order.push_back(2);
    loop.quit();
  });
  run(loop);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  runTurns(loop, 3);
}

TEST_P(ServerStop, TheDrainCallbackMayAnswerFirstAndNeedNotAtOnce) {
  Mailbox<TcpConnectionPtr> drained;
  serve([&](TcpServer& server) {
    server.setThreadNum(2);
    server.setDrainCallback([&](const TcpConnectionPtr& connection) {
      EXPECT_TRUE(connection->getLoop()->isInLoopThread());
      EXPECT_TRUE(connection->connected());
      connection->send("so");
      connection->send("on");
      drained.put(connection);
    });
  });
  const auto peers = connectPeers(4);
  server().stop(1h, doneCallback());
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(4), "soon");
  EXPECT_EQ(done_.size(), 0U);
  for (int i = 0; i < 4; ++i) {
    const TcpConnectionPtr connection = drained.take();
    connection->send("now");
    connection->shutdown();
  }
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "now");
  for (const auto& peer : peers) peer->close();
  done_.take();
}

TEST_P(ServerStop, ADrainCallbackThatDoesNothingIsForcedAtTheDeadline) {
  serve([](TcpServer& server) { server.setDrainCallback([](const TcpConnectionPtr&) {}); });
  const auto peers = connectPeers(2);
  server().stop(30ms, doneCallback());
  done_.take();
  EXPECT_EQ(server().connectionCount(), 0U);
}

TEST_P(ServerStop, ADrainCallbackThatThrowsTakesNothingFromTheOthers) {
  serve([](TcpServer& server) {
    server.setDrainCallback([](const TcpConnectionPtr& connection) {
      connection->shutdown();
      throw std::runtime_error("drain");
    });
  });
  const auto peers = connectPeers(3);
  server().stop(1h, doneCallback());
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
  for (const auto& peer : peers) peer->close();
  done_.take();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(loopThread().escaped().take(), "drain");
}

TEST_P(ServerStop, TheDrainCallbackIsNotForAConnectionThatIsShutDownAlready) {
  Mailbox<int> drained;
  onUp = [](const TcpConnectionPtr& connection) { connection->shutdown(); };
  serve([&](TcpServer& server) {
    server.setDrainCallback([&](const TcpConnectionPtr&) { drained.put(1); });
  });
  const auto peers = connectPeers(2);
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
  server().stop(1h, doneCallback());
  for (const auto& peer : peers) peer->close();
  done_.take();
  EXPECT_EQ(drained.total(), 0U);
}

TEST_P(ServerStop, AConnectionMayHaveADrainCallbackOfItsOwn) {
  onUp = [](const TcpConnectionPtr& connection) {
    ConnectionCallbacks callbacks = connection->callbacks();
    callbacks.drain = [](const TcpConnectionPtr& self) {
      self->send("mine");
      self->shutdown();
    };
    callbacks.name = "is kept";
    connection->setCallbacks(std::move(callbacks));
  };
  serve(noThreads);
  const auto peers = connectPeers(1);
  EXPECT_EQ(accepted()->name(), server().name() + "#1");
  server().stop(1h, doneCallback());
  EXPECT_EQ(peers[0]->receiveUntilEof(), "mine");
  peers[0]->close();
  done_.take();
}

TERN_ON_EACH_POLLER(ServerStop);

}  // namespace
}  // namespace tern::testing
