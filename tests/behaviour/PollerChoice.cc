// PollerChoice: a loop tells which poller was asked for, which it got, and why; where io_uring is
// denied, servers fall back or fail as they were told to.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <tern/net/EventLoop.h>
#include <tern/net/EventLoopThreadPool.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class PollerChoices : public OnEachPoller {};

TEST_P(PollerChoices, ALoopTellsWhatWasAskedAndChosenAndWhy) {
  EventLoop loop(GetParam().spec);
  const PollerChoice& choice = loop.pollerChoice();
  EXPECT_EQ(choice.asked, GetParam().spec.asked());
  EXPECT_EQ(choice.chosen, loop.poller().name());
  EXPECT_EQ(choice.chosen, GetParam().isUring() ? "io_uring" : GetParam().name);
  EXPECT_EQ(choice.reason, "asked for by the program");
  EXPECT_EQ(loop.pollerSpec().asked(), choice.asked);
}

TEST_P(PollerChoices, EachLoopOfAServerTellsTheSame) {
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  server.setThreadNum(3);
  server.start();
  ASSERT_EQ(server.loops().size(), 3U);
  for (EventLoop* each : server.loops()) {
    EXPECT_EQ(each->pollerChoice().asked, loop.pollerChoice().asked);
    EXPECT_EQ(each->pollerChoice().chosen, loop.pollerChoice().chosen);
  }
}

TERN_ON_EACH_POLLER(PollerChoices);

// Sets TERN_POLLER, or removes it, while it lives.
class PollerVariable {
 public:
  explicit PollerVariable(const char* value) {
    if (const char* before = std::getenv("TERN_POLLER")) before_ = before;
    set(value);
  }
  PollerVariable(const PollerVariable&) = delete;
  PollerVariable& operator=(const PollerVariable&) = delete;
  ~PollerVariable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  static void set(const char* value) {
    if (value != nullptr) {
      ::setenv("TERN_POLLER", value, 1);
    } else {
      ::unsetenv("TERN_POLLER");
    }
  }
  std::optional<std::string> before_;
};

TEST(PollerChoice, WithoutAWishIsEpoll) {
  const PollerVariable none(nullptr);
  const EventLoop loop;
  EXPECT_EQ(loop.pollerChoice().chosen, "epoll");
  EXPECT_EQ(loop.pollerChoice().reason, "asked for by default");
}

TEST(PollerChoice, OfTheEnvironmentIsTheDefaultOfLoopsAndServers) {
  for (const std::string name : {"poll", "epoll", "io_uring"}) {
    const PollerVariable variable(name.c_str());
    EventLoop loop;
    EXPECT_EQ(loop.pollerChoice().asked, name);
    EXPECT_EQ(loop.pollerChoice().chosen, name);
    EXPECT_EQ(loop.pollerChoice().reason, "asked for by TERN_POLLER");
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setThreadNum(1);
    server.start();
    EXPECT_EQ(server.loops().front()->pollerChoice().chosen, name);
  }
}

TEST(PollerChoice, OfTheProgramOverrulesTheEnvironment) {
  const PollerVariable variable("poll");
  const EventLoop loop(PollerKind::kEPoll);
  EXPECT_EQ(loop.pollerChoice().chosen, "epoll");
  EXPECT_EQ(loop.pollerChoice().reason, "asked for by the program");
}

TEST(PollerChoice, OfAnUnknownNameIsRefusedNamingIt) {
  const PollerVariable variable("kqueue");
  try {
    const EventLoop loop;
    FAIL() << "an unknown poller was accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()),
              "TERN_POLLER: unknown poller 'kqueue'; use poll, epoll, io_uring or auto");
  }
  // The failure leaves nothing behind: this thread may have a loop.
  const EventLoop loop(PollerKind::kPoll);
  EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), &loop);
}

TEST(PollerChoice, AutoTakesIoUringWhereItWorks) {
  const LogCapture log;
  const EventLoop loop(PollerSpec::named("auto"));
  EXPECT_EQ(loop.pollerChoice().asked, "auto");
  EXPECT_EQ(loop.pollerChoice().chosen, "io_uring");
  EXPECT_FALSE(loop.pollerChoice().reason.empty());
  EXPECT_TRUE(log.lines().empty());
}

TEST(PollerChoice, AFactoryThatThrowsLeavesTheThreadWithoutALoop) {
  const PollerSpec broken([]() -> std::unique_ptr<Poller> { throw std::domain_error("no poller"); },
                          "broken");
  EXPECT_THROW(const EventLoop loop(broken), std::domain_error);
  EXPECT_EQ(EventLoop::getEventLoopOfCurrentThread(), nullptr);
  const EventLoop loop(PollerKind::kPoll);
}

// io_uring is denied in a process of its own, for good.
class PollerChoiceDeniedDeathTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // What the error must say for the errno.
  static std::string explanation() {
    return GetParam() == EPERM ? "blocked by a seccomp filter.*kernel.io_uring_disabled.*use epoll"
                               : "this kernel has no io_uring.*use epoll";
  }

  static void deny() { denySystemCall(SYS_io_uring_setup, GetParam()); }

  // 0 when an echo server of three loops under `auto` works, on epoll, with one log line.
  static int serveUnderAuto() {
    deny();
    const LogCapture log;
    EventLoop loop(PollerKind::kAuto);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setThreadNum(3);
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server.start();
    for (int i = 0; i < 6; ++i) {
      Peer peer(server.address());
      peer.sendAll("ping");
      runUntil(loop, [&] { return server.connectionCount() > 0; });
      if (peer.receiveExactly(4) != "ping") return 2;
      peer.close();
      runUntil(loop, [&] { return server.connectionCount() == 0; });
    }
    std::vector<EventLoop*> loops = server.loops();
    loops.push_back(&loop);
    for (EventLoop* each : loops) {
      if (each->pollerChoice().asked != "auto" || each->pollerChoice().chosen != "epoll") return 3;
    }
    for (const std::string& line : log.lines()) std::fprintf(stderr, "%s\n", line.c_str());
    std::fprintf(stderr, "reason: %s\n", loop.pollerChoice().reason.c_str());
    return log.lines().size() == 1 ? 0 : 4;
  }

  // 0 when io_uring by name fails in a loop and in a server's loops; prints why.
  static int failByName() {
    deny();
    try {
      const EventLoop loop(PollerKind::kUring);
      return 2;
    } catch (const std::system_error& error) {
      if (error.code().value() != GetParam()) return 3;
      std::fprintf(stderr, "%s\n", error.what());
    }
    EventLoop loop(PollerKind::kEPoll);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setPollerSpec(PollerKind::kUring);
    server.setThreadNum(2);
    try {
      server.start();
      return 4;
    } catch (const std::system_error& error) {
      return error.code().value() == GetParam() ? 0 : 5;
    }
  }
};

TEST_P(PollerChoiceDeniedDeathTest, ByNameFailsAndExplains) {
  EXPECT_EXIT(std::_Exit(failByName()), ::testing::ExitedWithCode(0),
              "io_uring can't be set up: .*" + explanation());
}

TEST_P(PollerChoiceDeniedDeathTest, UnderAutoIsEpollWithOneLogLine) {
  EXPECT_EXIT(std::_Exit(serveUnderAuto()), ::testing::ExitedWithCode(0),
              "warn: poller auto: epoll is used, because .*" + explanation() + ".*reason: .*" +
                  explanation());
}

INSTANTIATE_TEST_SUITE_P(With, PollerChoiceDeniedDeathTest, ::testing::Values(EPERM, ENOSYS),
                         [](const auto& testCase) {
                           return testCase.param == EPERM ? "EPERM" : "ENOSYS";
                         });

// A kernel that has io_uring, and not the receive buffers that completion mode needs.
class PollerChoiceOldKernelDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Ends with 0 when an echo server of two loops works on this poller; prints the log and the
  // reason.
  static int serve(PollerKind asked, const std::string& expected) {
    denyOperation(SYS_io_uring_register, kRegisterBufferRing, EINVAL);
    const LogCapture log;
    EventLoop loop(asked);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setThreadNum(1);
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server.start();
    Peer peer(server.address());
    peer.sendAll("ping");
    runUntil(loop, [&] { return server.connectionCount() > 0; });
    if (peer.receiveExactly(4) != "ping") return 2;
    const PollerChoice& choice = server.loops().front()->pollerChoice();
    if (choice.chosen != expected || loop.pollerChoice().chosen != expected) return 3;
    if (choice.reason != loop.pollerChoice().reason) return 4;
    for (const std::string& line : log.lines()) std::fprintf(stderr, "%s\n", line.c_str());
    std::fprintf(stderr, "reason: %s\n", choice.reason.c_str());
    return log.lines().size() == 1 ? 0 : 5;
  }

 private:
  static constexpr unsigned kRegisterBufferRing = 22;  // IORING_REGISTER_PBUF_RING
};

TEST_F(PollerChoiceOldKernelDeathTest, ByNameWorksByReadinessAndSaysSoOnce) {
  EXPECT_EXIT(
      std::_Exit(serve(PollerKind::kUring, "io_uring")), ::testing::ExitedWithCode(0),
      "^warn: poller io_uring: TCP works by readiness, without provided-buffer rings[^\n]*\n"
      "reason: asked for by the program; TCP works by readiness[^\n]*\n$");
}

TEST_F(PollerChoiceOldKernelDeathTest, UnderAutoIsEpollAndSaysWhyOnce) {
  EXPECT_EXIT(std::_Exit(serve(PollerKind::kAuto, "epoll")), ::testing::ExitedWithCode(0),
              "^warn: poller auto: epoll is used, because the kernel's io_uring lacks "
              "provided-buffer rings[^\n]*\nreason: the kernel's io_uring lacks[^\n]*\n$");
}

}  // namespace
}  // namespace tern::testing
