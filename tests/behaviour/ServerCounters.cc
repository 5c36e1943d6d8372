// ServerCounters: what TcpServer::stats() tells: who was accepted, refused and closed, and why, and
// the bytes that came, went and wait.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
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
#include "support/PlainPoller.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using Ends = ServerStats::Closed;
using Refused = ServerStats::Refused;

constexpr int kSmallBuffer = 64 * 1024;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
// The kernel holds less than this for a peer that does not read.
constexpr std::size_t kKernel = 6 * kMiB;

class ServerCounters : public ServerFixture {
 protected:
  static void echo(const TcpConnectionPtr& connection, Buffer* input, Timestamp /*time*/) {
    connection->send(input);
  }
  static void echoOn(TcpServer& server, std::size_t threads = 0) {
    server.setThreadNum(threads);
    server.setMessageCallback(echo);
  }

  // The next connection that goes down is counted, for this reason and no other.
  void expectClosed(std::uint64_t Ends::* reason) {
    static_cast<void>(closed());
    const ServerStats stats = server().stats();
    EXPECT_EQ(stats.closed.*reason, 1U);
    EXPECT_EQ(stats.closed.total(), 1U);
    EXPECT_EQ(stats.accepted, 1U);
    EXPECT_EQ(stats.bytesBuffered, 0U);
  }
  void expectRefused(std::uint64_t Refused::* reason, std::uint64_t count) {
    ASSERT_TRUE(eventually([&] { return server().stats().refused.*reason == count; }));
    EXPECT_EQ(server().stats().refused.total(), count);
  }
  [[nodiscard]] bool eventuallyBuffers(std::size_t bytes) {
    return eventually([&] { return server().stats().bytesBuffered == bytes; });
  }
};

TEST_P(ServerCounters, AreZeroInTheBeginning) {
  serve([](TcpServer& server) {
    EXPECT_EQ(server.stats().accepted, 0U);
    EXPECT_EQ(server.stats().bytesReceived, 0U);
  });
  const ServerStats stats = server().stats();
  EXPECT_EQ(stats.accepted + stats.refused.total() + stats.closed.total(), 0U);
  EXPECT_EQ(stats.bytesReceived + stats.bytesSent + stats.bytesBuffered + stats.acceptErrors, 0U);
}

TEST_P(ServerCounters, KnowEachByte) {
  for (const std::size_t threads : {0U, 3U}) {
    serve([&](TcpServer& server) { echoOn(server, threads); });
    std::size_t total = 0;
    std::vector<std::unique_ptr<Peer>> peers;
    for (const std::size_t length : {1U, 64U, 70'000U, 3U}) {
      peers.push_back(std::make_unique<Peer>(address()));
      peers.back()->sendAll(patternOf(length));
      EXPECT_EQ(peers.back()->receiveExactly(length).size(), length);
      total += length;
    }
    ASSERT_TRUE(eventually([&] { return server().stats().bytesSent == total; }));
    ASSERT_TRUE(eventuallyBuffers(0));
    EXPECT_EQ(server().stats().bytesReceived, total);
    EXPECT_EQ(server().stats().accepted, 4U);
    stop();
  }
}

TEST_P(ServerCounters, KnowTheBytesOfLargePiecesAndOfFiles) {
  const auto file = std::make_shared<const UniqueFd>(::memfd_create("tern-counters", MFD_CLOEXEC));
  const std::string content = patternOf(300'000);
  ASSERT_EQ(::write(file->get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  const std::string large = patternOf(kMiB);
  serveMessages([file, large, length = content.size()](const TcpConnectionPtr& connection,
                                                       Buffer* input, Timestamp) {
    input->retrieveAll();
    connection->send(std::string_view(large));
    connection->sendFile(file, 0, length);
    connection->send("end");
  });
  Peer peer(address());
  peer.sendAll("?");
  const std::size_t total = large.size() + content.size() + 3;
  expectSameBytes(peer.receiveExactly(total), large + content + "end");
  EXPECT_TRUE(eventually([&] { return server().stats().bytesSent == total; }));
  EXPECT_TRUE(eventuallyBuffers(0));
}

TEST_P(ServerCounters, AnEndByThePeer) {
  serveEcho();
  Peer(address()).close();
  expectClosed(&Ends::byPeer);
}

TEST_P(ServerCounters, AnEndByThePeerThatTheServerAnswersLater) {
  serve([](TcpServer& server) {
    server.setHalfCloseCallback([](const TcpConnectionPtr& connection) {
      connection->send("bye");
      connection->shutdown();
    });
  });
  Peer peer(address());
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "bye");
  expectClosed(&Ends::byPeer);
}

TEST_P(ServerCounters, AnEndByTheServer) {
  serveEcho();
  Peer peer(address());
  accepted()->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.close();
  expectClosed(&Ends::byServer);
}

TEST_P(ServerCounters, AnEndByAServerThatStops) {
  serveEcho();
  Peer peer(address());
  accepted();
  server().stop(1h);
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.close();
  expectClosed(&Ends::byServer);
}

TEST_P(ServerCounters, AReset) {
  serveEcho();
  Peer peer(address());
  accepted();
  peer.reset();
  expectClosed(&Ends::error);
}

TEST_P(ServerCounters, AnIdleTimeout) {
  serve([](TcpServer& server) { server.setIdleTimeout(10ms); });
  const Peer peer(address());
  expectClosed(&Ends::timeout);
}

TEST_P(ServerCounters, ADeadline) {
  onUp = [](const TcpConnectionPtr& connection) { connection->setDeadline(Clock::now()); };
  serveEcho();
  const Peer peer(address());
  expectClosed(&Ends::timeout);
}

TEST_P(ServerCounters, TheOutputLimit) {
  const LogCapture log;
  serve([](TcpServer& server) { server.setOutputLimit(1000); });
  const Peer peer(address());
  accepted()->send(std::string(1001, 'x'));
  expectClosed(&Ends::outputLimit);
}

TEST_P(ServerCounters, AForcedEnd) {
  serveEcho();
  const Peer peer(address());
  accepted()->forceClose();
  expectClosed(&Ends::forced);
}

TEST_P(ServerCounters, AForcedEndAtTheDeadlineOfAServerThatStops) {
  serveEcho();
  const Peer peer(address());
  accepted();
  server().stop(1ms);
  expectClosed(&Ends::forced);
}

TEST_P(ServerCounters, WhatMadeTheEndFirstIsItsReason) {
  serve([](TcpServer& server) {
    server.setIdleTimeout(10ms);
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer*, Timestamp) {
      connection->shutdown();
      connection->forceClose();
      connection->setDeadline(Clock::now());
    });
  });
  Peer peer(address());
  peer.sendAll("x");
  expectClosed(&Ends::forced);
}

TEST_P(ServerCounters, ThoseRefusedByTheLimitOfConnections) {
  const LogCapture log;
  serve([](TcpServer& server) { server.setMaxConnections(1); });
  const Peer peer(address());
  accepted();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Peer(address()).receiveUntilEnd().bytes, "");
  expectRefused(&Refused::limit, 3);
  EXPECT_EQ(server().stats().accepted, 1U);
}

TEST_P(ServerCounters, ThoseRefusedByTheLimitOfAPeer) {
  const LogCapture log;
  serve([](TcpServer& server) { server.setMaxConnectionsPerPeer(2); });
  const Peer first(address());
  const Peer second(address());
  accepted();
  accepted();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Peer(address()).receiveUntilEnd().bytes, "");
  expectRefused(&Refused::peerLimit, 3);
  EXPECT_EQ(server().stats().accepted, 2U);
}

TEST_P(ServerCounters, BytesThatASlowReaderLeavesWaitingUntilItHasReadThem) {
  serveEcho();
  Peer peer(address(), kSmallBuffer);
  constexpr std::size_t kMuch = 12 * kMiB;
  accepted()->send(std::string(kMuch, 'x'));
  EXPECT_TRUE(eventually([&] { return server().stats().bytesBuffered >= kMuch - kKernel; }));
  EXPECT_LE(server().stats().bytesBuffered, kMuch);
  EXPECT_EQ(peer.receiveExactly(kMuch).size(), kMuch);
  EXPECT_TRUE(eventuallyBuffers(0));
  EXPECT_EQ(server().stats().bytesSent, kMuch);
}

TEST_P(ServerCounters, BytesThatWaitBehindAFile) {
  const UniqueFd file(::memfd_create("tern-counters", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 64 * kMiB), 0);
  serveEcho();
  const Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  connection->sendFile(UniqueFd(::dup(file.get())), 0, 64 * kMiB);
  connection->send(std::string(100'000, 'x'));
  // A poller that can't send from a file has read some of it as well.
  EXPECT_TRUE(eventually([&] { return server().stats().bytesBuffered >= 100'000; }));
  connection->forceClose();
  EXPECT_TRUE(eventuallyBuffers(0));
}

TEST_P(ServerCounters, BytesThatAreLeftUnread) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
    if (input->findEOL() != nullptr) connection->send(input);
  });
  Peer peer(address());
  peer.sendAll(std::string(1000, 'x'));
  EXPECT_TRUE(eventuallyBuffers(1000));
  peer.sendAll(std::string(500, 'y'));
  EXPECT_TRUE(eventuallyBuffers(1500));
  peer.sendAll("\n");
  EXPECT_EQ(peer.receiveExactly(1501).size(), 1501U);
  EXPECT_TRUE(eventuallyBuffers(0));
  peer.sendAll("again");
  EXPECT_TRUE(eventuallyBuffers(5));
}

TEST_P(ServerCounters, BytesThatAreLeftUnreadByACallbackThatThrows) {
  serveMessages([](const TcpConnectionPtr&, Buffer* input, Timestamp) {
    if (input->readableBytes() < 4) throw std::runtime_error("too few");
    input->retrieveAll();
  });
  Peer peer(address());
  peer.sendAll("xyz");
  EXPECT_TRUE(eventuallyBuffers(3));
  peer.sendAll("!");
  EXPECT_TRUE(eventuallyBuffers(0));
  while (loopThread().escaped().size() > 0) EXPECT_EQ(loopThread().escaped().take(), "too few");
}

TEST_P(ServerCounters, NoBytesOfConnectionsThatAreGone) {
  serveMessages([](const TcpConnectionPtr&, Buffer*, Timestamp) {});
  Peer peer(address(), kSmallBuffer);
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("left unread");
  connection->send(std::string(12 * kMiB, 'x'));
  EXPECT_TRUE(eventually([&] { return server().stats().bytesBuffered >= 12 * kMiB - kKernel; }));
  peer.reset();
  static_cast<void>(closed());
  EXPECT_EQ(server().stats().bytesBuffered, 0U);
}

TEST_P(ServerCounters, CanBeReadByAnotherThreadAtAnyTime) {
  std::atomic<bool> over{false};
  std::atomic<TcpServer*> shared{nullptr};
  ServerStats last;
  std::thread reader([&] {
    while (shared == nullptr) std::this_thread::yield();
    while (!over) {
      const ServerStats now = shared.load()->stats();
      EXPECT_GE(now.bytesReceived, last.bytesReceived);
      EXPECT_GE(now.bytesSent, last.bytesSent);
      EXPECT_GE(now.accepted, last.accepted);
      last = now;
      std::this_thread::yield();
    }
  });
  serve([&](TcpServer& server) {
    shared = &server;
    echoOn(server, 2);
  });
  constexpr std::size_t kRounds = 200;
  std::vector<std::unique_ptr<Peer>> peers(4);
  for (auto& peer : peers) peer = std::make_unique<Peer>(address());
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (const auto& peer : peers) peer->sendAll("message");
    for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(7), "message");
  }
  peers.clear();
  for (int i = 0; i < 4; ++i) static_cast<void>(closed());
  over = true;
  reader.join();
  EXPECT_EQ(server().stats().bytesReceived, kRounds * 4 * 7);
  EXPECT_EQ(server().stats().bytesSent, kRounds * 4 * 7);
  EXPECT_EQ(server().stats().closed.total(), 4U);
}

TEST_P(ServerCounters, CanBeReadAfterTheServerHasStopped) {
  serveEcho();
  Peer peer(address());
  peer.sendAll("ping");
  EXPECT_EQ(peer.receiveExactly(4), "ping");
  Mailbox<bool> done;
  server().stop(0s, [&] { done.put(true); });
  done.take();
  const ServerStats stats = server().stats();
  EXPECT_EQ(stats.accepted, 1U);
  EXPECT_EQ(stats.closed.total(), 1U);
  EXPECT_EQ(stats.bytesReceived, 4U);
  EXPECT_EQ(stats.bytesSent, 4U);
}

TERN_ON_EACH_POLLER(ServerCounters);

// A poller that has no room for connections.
class FullPoller final : public PlainPoller {
 public:
  StreamPtr openStream(UniqueFd /*fd*/, StreamHandler& /*handler*/) override {
    throw std::system_error(ENOSPC, std::system_category(), "full");
  }
};

TEST(ServerCountersOfAFullPoller, KnowWhoCouldNotBeServed) {
  const LogCapture log;
  EventLoop loop(PollerSpec([] { return std::make_unique<FullPoller>(); }, "full"));
  TcpServer server(&loop, SocketAddress(0, true), "test");
  server.start();
  const Peer first(server.address());
  const Peer second(server.address());
  runUntil(loop, [&] { return server.stats().refused.failed == 2; });
  EXPECT_EQ(server.stats().accepted, 0U);
  EXPECT_EQ(server.connectionCount(), 0U);
}

}  // namespace
}  // namespace tern::testing
