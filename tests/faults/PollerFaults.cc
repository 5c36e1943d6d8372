// PollerFaults: what the kernel refuses to a poller is told to the one connection that it is about,
// or passes; it does not leave loop().
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

// An echo server on a loop of the test's thread.
class FaultyServer {
 protected:
  explicit FaultyServer(const PollerSpec& spec) : loop_(spec) {
    server_.setConnectionCallback([this](const TcpConnectionPtr& connection) {
      if (connection->connected()) {
        connections_.push_back(connection);
      } else {
        reasons_.push_back(connection->closeReason());
      }
    });
    server_.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server_.start();
  }

  void runUntilUp(std::size_t count) {
    runUntil(loop_, [&] { return connections_.size() == count; });
  }
  void runUntilDown(std::size_t count) {
    runUntil(loop_, [&] { return reasons_.size() == count; });
  }
  const LogCapture log_;
  EventLoop loop_;
  TcpServer server_{&loop_, SocketAddress(0, true), "test"};
  std::vector<TcpConnectionPtr> connections_;
  std::vector<std::error_code> reasons_;
};

class PollerFaults : public OnEachPoller, protected FaultyServer {
 protected:
  PollerFaults() : FaultyServer(GetParam().spec) {}

  // Whether this poller asks the kernel by such calls.
  [[nodiscard]] bool waitsBy(Call call) const {
    const std::string& name = GetParam().name;
    return (call == Call::kPpoll && name == "poll") ||
           (call == Call::kEpollWait && name == "epoll") ||
           (call == Call::kUringEnter && GetParam().isUring());
  }
};

// The one poller that asks the kernel for each change of what is watched.
class EPollFaults : public ::testing::Test, protected FaultyServer {
 protected:
  EPollFaults() : FaultyServer(PollerKind::kEPoll) {}
};

TEST_P(PollerFaults, AWaitThatFailsForAWhileIsTriedAgainWithoutSpinning) {
  Peer peer(server_.address());
  peer.sendAll("hello");
  for (const int error : {EINTR, ENOMEM}) {
    for (const Call call : {Call::kPpoll, Call::kEpollWait, Call::kUringEnter}) {
      const bool epollHasMemory = call == Call::kEpollWait && error == ENOMEM;
      if (!waitsBy(call) || epollHasMemory) continue;
      int left = 3;
      const Faults faults(
          only(call, [&](const Asked&) { return Answer{.error = left-- > 0 ? error : 0}; }));
      bool fired = false;
      loop_.runAfter(std::chrono::milliseconds(1), [&] { fired = true; });
      runUntil(loop_, [&] { return fired; });
      EXPECT_LE(left, 0);
      EXPECT_LT(faults.asked(call), 50U);
    }
  }
  runUntilUp(1);
  connections_[0]->forceClose();
  runUntilDown(1);
  EXPECT_EQ(peer.receiveUntilEnd().error, std::error_code());
}

TERN_ON_EACH_POLLER(PollerFaults);

TEST_F(EPollFaults, AStreamThatCanNotBeWatchedAnyMoreEndsWithTheError) {
  Peer peer(server_.address());
  runUntilUp(1);
  const Faults faults(only(Call::kEpollCtl, [](const Asked&) { return Answer{.error = ENOMEM}; }));
  {
    const FaultsOff off;
    peer.shutdownWrite();
  }
  // The end of file changes what is asked for.
  runUntilDown(1);
  EXPECT_EQ(reasons_[0], std::errc::not_enough_memory);
}

TEST_F(EPollFaults, AStreamThatWaitsForRoomInVainEndsWithTheError) {
  const Peer peer(server_.address(), 4096);
  runUntilUp(1);
  const Faults faults(only(Call::kEpollCtl, [](const Asked&) { return Answer{.error = ENOSPC}; }));
  connections_[0]->send(patternOf(20'000'000));
  runUntilDown(1);
  EXPECT_EQ(reasons_[0], std::errc::no_space_on_device);
}

TEST_F(EPollFaults, AConnectionThatCanNotBeWatchedIsClosedAndTheOthersAreServed) {
  Peer first(server_.address());
  {
    int left = 1;
    const Faults faults(only(
        Call::kEpollCtl, [&](const Asked&) { return Answer{.error = left-- > 0 ? ENOSPC : 0}; }));
    runUntil(loop_, [&] { return left <= 0; });
  }
  EXPECT_EQ(first.receiveUntilEnd().bytes, "");
  EXPECT_EQ(log_.count("a connection can't be served: epoll_ctl()"), 1U);
  EXPECT_EQ(server_.connectionCount(), 0U);
  Peer second(server_.address());
  second.sendAll("served");
  runUntilUp(1);
  second.shutdownWrite();
  runUntilDown(1);
  EXPECT_EQ(second.receiveUntilEof(), "served");
}

}  // namespace
}  // namespace tern::testing
