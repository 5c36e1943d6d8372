// PollerFaults: what the kernel refuses to a poller is told to the one connection that it is about,
// or passes; it does not leave loop().
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/base/OutputQueue.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Poller.h>
#include <tern/poller/PollerSpec.h>
#include <tern/poller/Stream.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
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
  // Before the server, whose end fills them.
  std::vector<TcpConnectionPtr> connections_;
  std::vector<std::error_code> reasons_;
  EventLoop loop_;
  TcpServer server_{&loop_, SocketAddress(0, true), "test"};
};

// What is there now.
void receiveSome(const Peer& peer, std::string& received) {
  char block[4096];
  const ssize_t n = ::recv(peer.fd(), block, sizeof block, MSG_DONTWAIT);
  if (n > 0) received.append(block, static_cast<std::size_t>(n));
}

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

// The poller whose sends that find room have no completion.
class UringFaults : public ::testing::Test, protected FaultyServer {
 protected:
  UringFaults() : FaultyServer(PollerKind::kUring), peer_(server_.address()) { runUntilUp(1); }

  // Whether it is echoed whole.
  bool echoes(const std::string& message) {
    {
      const FaultsOff off;
      peer_.sendAll(message);
    }
    std::string echo(message.size(), '\0');
    const auto arrived = [&] {
      const FaultsOff off;
      const ssize_t n = ::recv(peer_.fd(), echo.data(), echo.size(), MSG_PEEK | MSG_DONTWAIT);
      return n == static_cast<ssize_t>(echo.size());
    };
    for (int turns = 0; turns < kMostTurns && !arrived(); ++turns) runTurns(loop_, 1);
    const FaultsOff off;
    return peer_.receiveExactly(message.size()) == message;
  }

  std::vector<std::unique_ptr<Peer>> furtherPeers(std::size_t count) {
    std::vector<std::unique_ptr<Peer>> peers(count);
    for (auto& peer : peers) peer = std::make_unique<Peer>(server_.address());
    runUntilUp(1 + count);
    return peers;
  }

  static constexpr int kMostTurns = 1'000'000;
  Peer peer_;
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

TEST_F(UringFaults, ASendThatFindsRoomHasNoCompletion) {
  const Faults faults([](const Asked&) { return Answer{}; });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(echoes("hello"));
  EXPECT_EQ(faults.asked(Call::kUringSend), 10U);
  EXPECT_EQ(faults.asked(Call::kUringCompletion), 10U) << "one for each receive";
}

TEST_F(UringFaults, WhatIsLeftOfASendThatFindsLittleRoomWaitsForMore) {
  for (const Answer& first : {Answer{.atMost = 2}, Answer{.error = EAGAIN}, Answer{.error = EINTR},
                              Answer{.error = ENOBUFS}}) {
    int sends = 0;
    const Faults faults(
        only(Call::kUringSend, [&](const Asked&) { return ++sends == 1 ? first : Answer{}; }));
    EXPECT_TRUE(echoes("hello"));
    EXPECT_EQ(sends, 2);
    EXPECT_TRUE(echoes("and more")) << "of which nothing is lost or twice there";
    EXPECT_EQ(sends, 3);
  }
}

TEST_F(UringFaults, ASendThatTheKernelHasNotTakenYetIsNotTakenForDone) {
  int calls = 0;
  const Faults faults(only(Call::kUringEnter, [&](const Asked& asked) {
    // The submission of the echo, and some more.
    const bool some = asked.length > 0 && ++calls <= 5;
    return some ? Answer{.atMost = 0} : Answer{};
  }));
  EXPECT_TRUE(echoes("hello"));
  EXPECT_TRUE(echoes("again"));
  EXPECT_GT(calls, 5);
}

// What became of the others is not known for many turns then.
TEST_F(UringFaults, SendsThatFindNoRoomWhileTheKernelTakesNotAllLoseNothing) {
  const std::vector<std::unique_ptr<Peer>> others = furtherPeers(40);
  constexpr std::size_t kPiece = 8;
  const std::string text(patternOf(kPiece * 2000));
  std::size_t sends = 0;
  std::size_t turn = 0;
  const Faults faults([&](const Asked& asked) -> Answer {
    const bool ours = asked.length % kPiece == 0;
    if (asked.call == Call::kUringSend && ours && ++sends % 3 == 1) return {.error = EAGAIN};
    const bool leavesOne = asked.call == Call::kUringEnter && asked.length > 0 && turn % 8 != 0;
    return leavesOne ? Answer{.atMost = asked.length - 1} : Answer{};
  });
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    {
      const FaultsOff off;
      peer_.sendAll(std::string_view(text).substr(at, kPiece));
      others[++turn % others.size()]->sendAll("x");
    }
    runTurns(loop_, 1);
  }
  EXPECT_GT(faults.injected(Call::kUringEnter), 0U);
  EXPECT_GT(faults.injected(Call::kUringSend), 0U);
  const FaultsOff off;
  std::string echo;
  runUntil(loop_, [&] {
    receiveSome(peer_, echo);
    return echo.size() >= text.size();
  });
  expectSameBytes(echo, text);
}

// Two that are readable in one turn: what is left over of the one's request must not be taken for
// the result of the other's.
TEST_F(UringFaults, BulkyStreamsWhoseReceivesTheKernelDoesNotTakeLoseNothing) {
  const std::vector<std::unique_ptr<Peer>> peers = furtherPeers(4);
  const std::string text(patternOf(100'000));
  // By chance, as a turn makes several calls, of which not the same may fail each time.
  std::minstd_rand chance;
  const Faults faults(only(Call::kUringEnter, [&](const Asked& asked) {
    const bool leavesOne = asked.length > 0 && chance() % 3 != 0;
    return leavesOne ? Answer{.atMost = asked.length - 1} : Answer{};
  }));
  for (int round = 0; round < 20 && reasons_.empty(); ++round) {
    std::vector<std::string> echoes(peers.size());
    for (const auto& peer : peers) {
      const FaultsOff off;
      peer->sendAll(text);
    }
    runUntil(loop_, [&] {
      const FaultsOff off;
      bool all = true;
      for (std::size_t i = 0; i < peers.size(); ++i) {
        receiveSome(*peers[i], echoes[i]);
        all = all && echoes[i].size() >= text.size();
      }
      return all || !reasons_.empty();
    });
    for (const std::string& echo : echoes) expectSameBytes(echo, text);
  }
  EXPECT_GT(faults.injected(Call::kUringEnter), 0U);
  EXPECT_TRUE(reasons_.empty()) << reasons_.front().message();
}

// The submission of such a piece, in the callback that tells of the first one's failure, is that of
// the second one, too.
TEST(UringStreamFaults, ASendThatFindsNoRoomWhileAnotherOnesIsToldOfLosesNothing) {
  struct End final : StreamHandler {
    void onData(std::span<const char> /*bytes*/) override {}
    void onEof() override {}
    void onSent(std::size_t bytes) override {
      sent += bytes;
      if (then) std::exchange(then, nullptr)();
    }
    void onError(std::error_code error) override { ADD_FAILURE() << error.message(); }

    std::function<void()> then;
    std::size_t sent = 0;
    OutputQueue queue;
    UniqueFd peer;
    StreamPtr stream;
  };
  const PollerSpec::Made made = PollerSpec(PollerKind::kUring).make();
  std::array<End, 3> ends;
  for (End& end : ends) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    end.peer = UniqueFd(fds[1]);
    end.stream = made.poller->openStream(UniqueFd(fds[0]), end);
    end.queue.append(std::string_view("hello"));
  }
  auto& [first, second, third] = ends;
  first.then = [&] {
    EXPECT_EQ(second.stream->send(second.queue), 5U);
    EXPECT_EQ(third.stream->sendNow(std::string_view("hello")), 5U);
  };
  std::array<int, 2> sends{};
  const Faults faults(only(Call::kUringSend, [&](const Asked& asked) {
    if (asked.fd == first.stream->fd() && ++sends[0] == 1) return Answer{.atMost = 2};
    if (asked.fd == second.stream->fd() && ++sends[1] == 1) return Answer{.error = EAGAIN};
    return Answer{};
  }));
  EXPECT_EQ(first.stream->send(first.queue), 5U);
  for (int turns = 0; turns < 100 && first.sent + second.sent < 10; ++turns) {
    made.poller->runOnce(std::chrono::milliseconds(10));
  }
  const FaultsOff off;
  for (const End& end : ends) {
    char bytes[10];
    EXPECT_EQ(::recv(end.peer.get(), bytes, sizeof bytes, MSG_DONTWAIT), 5);
  }
  EXPECT_EQ(sends, (std::array{2, 2}));
}

TEST_F(UringFaults, ASendThatFailsEndsItsConnectionOnly) {
  Peer other(server_.address());
  runUntilUp(2);
  {
    const Faults faults(only(Call::kUringSend, [&](const Asked& asked) {
      return Answer{.error = asked.length == 6 ? EPIPE : 0};
    }));
    {
      const FaultsOff off;
      other.sendAll("broken");
    }
    runUntilDown(1);
    EXPECT_EQ(reasons_[0], std::errc::broken_pipe);
    EXPECT_TRUE(echoes("whole"));
  }
}

}  // namespace
}  // namespace tern::testing
