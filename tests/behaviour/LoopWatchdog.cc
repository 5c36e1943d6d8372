// LoopWatchdog: a callback that holds its loop up is named while it does, and when it has ended.
#include <dirent.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/net/LoopStats.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Channel.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// Above what a machine that is merely busy takes from a callback; tests wait for it a time or two.
constexpr auto kBound = 20ms;

// The threads of this process that look after loops.
int watchdogThreads() {
  int count = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(::opendir("/proc/self/task"), ::closedir);
  while (const dirent* task = ::readdir(tasks.get())) {
    std::ifstream comm("/proc/self/task/" + std::string(task->d_name) + "/comm");
    std::string name;
    if (std::getline(comm, name) && name == "tern-watchdog") ++count;
  }
  return count;
}

// One that was joined may still be listed for a moment: join() does not wait for all of its end.
bool noWatchdog() {
  return eventually([] { return watchdogThreads() == 0; });
}

class LoopWatchdog : public ServerFixture {
 protected:
  // For a callback: does not return before the log has said of this subject that it runs.
  void blockUntilTold(const std::string& subject, std::size_t times = 1) const {
    EXPECT_TRUE(eventually([&] { return log_.count(running(subject)) >= times; }));
  }
  // Both lines about the subject come, in order. On a busy machine there may be others.
  void expectBothLines(const std::string& subject) const {
    EXPECT_TRUE(eventually([&] { return log_.count(took(subject)) >= 1; }));
    EXPECT_LT(firstLineWith(running(subject)), firstLineWith(took(subject)));
  }
  [[nodiscard]] std::size_t firstLineWith(const std::string& text) const {
    const std::vector<std::string> lines = log_.lines();
    std::size_t i = 0;
    while (i < lines.size() && lines[i].find(text) == std::string::npos) ++i;
    return i;
  }
  static std::string running(const std::string& subject) { return subject + " has been running"; }
  static std::string took(const std::string& subject) { return subject + " took "; }

  static std::string callbackOf(const TcpConnectionPtr& connection) {
    return "a callback of " + connection->name() + ' ' + connection->peerAddress().toIpPort();
  }

  const LogCapture log_;
};

TEST_P(LoopWatchdog, NamesTheConnectionWhoseCallbackRuns) {
  serveMessages([this](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
    if (input->retrieveAllAsString() == "block") blockUntilTold(callbackOf(connection));
  });
  loop().setWatchdog(kBound);
  Peer peer(address());
  accepted();
  peer.sendAll("block");
  expectBothLines("a callback of test#1 " + peer.localAddress().toIpPort());
  EXPECT_GE(loop().stats().longestCallback, kBound);
}

TEST_P(LoopWatchdog, NamesTheConnectionThatComesUp) {
  onUp = [](const TcpConnectionPtr& connection) {
    connection->getLoop()->setWatchdog(kBound);
    connection->getLoop()->queueInLoop([connection] { connection->forceClose(); });
  };
  onDown = [this](const TcpConnectionPtr& connection) { blockUntilTold(callbackOf(connection)); };
  serveEcho();
  const Peer peer(address());
  expectBothLines("a callback of test#1 " + peer.localAddress().toIpPort());
}

TEST_P(LoopWatchdog, NamesAFunctor) {
  serveEcho();
  loop().setWatchdog(kBound);
  loop().queueInLoop([this] { blockUntilTold("a functor"); });
  expectBothLines("a functor");
}

TEST_P(LoopWatchdog, NamesATimer) {
  serveEcho();
  loop().setWatchdog(kBound);
  loop().runAfter(0s, [this] { blockUntilTold("a timer"); });
  expectBothLines("a timer");
}

TEST_P(LoopWatchdog, NamesAChannelByItsDescriptor) {
  EventLoop loop(GetParam().spec);
  loop.setWatchdog(kBound);
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC));
  const std::string subject = "a channel (fd " + std::to_string(fd.get()) + ")";
  Channel channel(loop.poller(), fd.get());
  channel.setReadCallback([&](Timestamp) {
    blockUntilTold(subject);
    channel.disableAll();
    loop.quit();
  });
  channel.enableReading();
  run(loop);
  expectBothLines(subject);
}

TEST_P(LoopWatchdog, NamesATaskAtTheEndOfATurn) {
  EventLoop loop(GetParam().spec);
  loop.setWatchdog(kBound);
  loop.queueInLoop([&] {
    loop.atTurnEnd(std::make_shared<std::function<void()>>([&] {
                     blockUntilTold("a task at the end of a turn");
                     loop.quit();
                   }),
                   [](void* task) { (*static_cast<std::function<void()>*>(task))(); });
  });
  run(loop);
  expectBothLines("a task at the end of a turn");
}

TEST_P(LoopWatchdog, NamesTheThreadOfTheLoop) {
  EventLoop loop(GetParam().spec);
  ::pthread_setname_np(::pthread_self(), "a-busy-loop");
  loop.setWatchdog(kBound);
  loop.queueInLoop([&] {
    blockUntilTold("a functor");
    loop.quit();
  });
  run(loop);
  EXPECT_GE(log_.count("loop of a-busy-loop (thread "), 2U);
}

TEST_P(LoopWatchdog, IsToldOfACallbackThatThrows) {
  serveEcho();
  loop().setWatchdog(kBound);
  loop().queueInLoop([this] {
    blockUntilTold("a functor");
    throw std::runtime_error("late");
  });
  EXPECT_EQ(loopThread().escaped().take(), "late");
  expectBothLines("a functor");
}

TEST_P(LoopWatchdog, SpeaksOfEachCallbackThatIsLate) {
  serveEcho();
  loop().setWatchdog(kBound);
  for (std::size_t i = 1; i <= 3; ++i) {
    runOnLoop([&] { blockUntilTold("a functor", i); });
    EXPECT_TRUE(eventually([&] { return log_.count(took("a functor")) >= i; }));
  }
}

TEST_P(LoopWatchdog, SpeaksOfTheOuterOneWhenItGoesOnBehindTheInnerOne) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  onDown = [this](const TcpConnectionPtr& down) { blockUntilTold(callbackOf(down)); };
  runOnLoop([this] { loop().setWatchdog(kBound); });
  // Ends the connection from within a functor, whose own time counts anew.
  loop().queueInLoop([this] {
    stopServer();
    blockUntilTold("a functor");
  });
  expectBothLines(callbackOf(connection));
  expectBothLines("a functor");
}

TEST_P(LoopWatchdog, LooksAfterSeveralLoopsWithOneThread) {
  serve([](TcpServer& server) { server.setThreadNum(3); });
  EXPECT_TRUE(noWatchdog());
  const std::vector<EventLoop*> loops = server().loops();
  for (EventLoop* const each : loops) runOn(*each, [each] { each->setWatchdog(kBound); });
  EXPECT_TRUE(eventually([] { return watchdogThreads() == 1; }));
  for (EventLoop* const each : loops) each->queueInLoop([this] { blockUntilTold("a functor", 3); });
  EXPECT_TRUE(eventually([this] { return log_.count(took("a functor")) >= 3; }));
  EXPECT_GE(log_.count("loop of test-0 "), 2U);
  EXPECT_GE(log_.count("loop of test-2 "), 2U);
  stop();
  EXPECT_TRUE(noWatchdog());
}

TEST_P(LoopWatchdog, IsOffByDefault) {
  serveEcho();
  runOnLoop([] {
    EXPECT_TRUE(noWatchdog());
    // Longer than any bound that a test sets.
    const Timestamp until = Clock::now() + 2 * kBound;
    while (Clock::now() < until) {
    }
  });
  EXPECT_EQ(log_.lines().size(), 0U);
  EXPECT_EQ(loop().stats().longestCallback, Duration::zero());
}

TEST_P(LoopWatchdog, IsOffAgainForZeroAndForLess) {
  serveEcho();
  for (const Delay off : {Delay(0s), Delay(-1h)}) {
    runOnLoop([this] { loop().setWatchdog(kBound); });
    EXPECT_TRUE(eventually([] { return watchdogThreads() == 1; }));
    runOnLoop([] {});
    EXPECT_TRUE(eventually([this] { return loop().stats().longestCallback > 0s; }));
    runOnLoop([&] { loop().setWatchdog(off); });
    EXPECT_TRUE(noWatchdog());
    EXPECT_EQ(loop().stats().longestCallback, Duration::zero());
  }
}

TEST_P(LoopWatchdog, TurnedOffByTheCallbackThatIsLateStillSpeaksOfItsEnd) {
  serveEcho();
  loop().setWatchdog(kBound);
  loop().queueInLoop([this] {
    blockUntilTold("a functor");
    loop().setWatchdog(0s);
  });
  expectBothLines("a functor");
}

TEST_P(LoopWatchdog, SaysNothingOfALoopThatSleepsOrIsQuick) {
  serveEcho();
  loop().setWatchdog(1h);
  Peer peer(address());
  for (int i = 0; i < 20; ++i) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
  EXPECT_TRUE(eventually([this] { return loop().stats().longestCallback > 0s; }));
  EXPECT_EQ(log_.lines().size(), 0U);
}

TERN_ON_EACH_POLLER(LoopWatchdog);

// What a forked child does, where threads are not.
TEST(LoopWatchdogOfAForkedChild, IsItsOwn) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer may forbid threads in a forked child";
  const LogCapture log;
  EventLoop loop;
  loop.setWatchdog(kBound);
  const pid_t child = ::fork();
  if (child == 0) {
    // The parent's watch has nobody who looks, and takes none of this thread's time.
    loop.setWatchdog(0s);
    loop.setWatchdog(kBound);
    bool told = false;
    loop.queueInLoop([&] {
      told = eventually([&] { return log.count("a functor has been running for") >= 1; });
      loop.quit();
    });
    loop.loop();
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tern::testing
