// LoopSignals: signals as events (SignalWatcher), and signals that only interrupt a wait.
#include <gtest/gtest.h>
#include <pthread.h>
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

bool blocksOnThisThread(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

// To this thread alone: raise() may go to any on some systems.
void sendToMyself(int signal) { ASSERT_EQ(::pthread_kill(::pthread_self(), signal), 0); }

class LoopSignals : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
};

TEST_P(LoopSignals, AreHandedToTheCallbackOnTheLoop) {
  std::vector<int> got;
  {
    const SignalWatcher watcher(loop_, {SIGUSR1, SIGUSR2}, [&](int signal) {
      EXPECT_TRUE(loop_.isInLoopThread());
      got.push_back(signal);
    });
    EXPECT_TRUE(blocksOnThisThread(SIGUSR1));
    EXPECT_TRUE(blocksOnThisThread(SIGUSR2));
    for (const int signal : {SIGUSR2, SIGUSR1, SIGUSR2}) {
      const std::size_t before = got.size();
      sendToMyself(signal);
      EXPECT_EQ(got.size(), before);
      runUntil(loop_, [&] { return got.size() > before; });
      EXPECT_EQ(got.back(), signal);
    }
  }
  EXPECT_EQ(got.size(), 3U);
  EXPECT_FALSE(blocksOnThisThread(SIGUSR1));
  EXPECT_FALSE(blocksOnThisThread(SIGUSR2));
}

TEST_P(LoopSignals, PendingTogetherAreAllHandedOver) {
  std::vector<int> got;
  const SignalWatcher watcher(loop_, {SIGUSR1, SIGUSR2},
                              [&](int signal) { got.push_back(signal); });
  sendToMyself(SIGUSR1);
  sendToMyself(SIGUSR2);
  runUntil(loop_, [&] { return got.size() >= 2; });
  runTurns(loop_, 3);
  EXPECT_EQ(got, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

TEST_P(LoopSignals, WakeALoopThatSleeps) {
  std::atomic<bool> ready{false};
  const SignalWatcher watcher(loop_, {SIGUSR1}, [&](int) { loop_.quit(); });
  const pthread_t here = ::pthread_self();
  std::thread other([&] {
    ready.wait(false);
    ::pthread_kill(here, SIGUSR1);
  });
  ready = true;
  ready.notify_one();
  run(loop_);
  other.join();
}

TEST_P(LoopSignals, TheWatcherMayBeDestroyedInItsCallback) {
  std::unique_ptr<SignalWatcher> watcher;
  int calls = 0;
  watcher = std::make_unique<SignalWatcher>(loop_, std::initializer_list<int>{SIGUSR1}, [&](int) {
    ++calls;
    watcher.reset();
    loop_.quit();
  });
  sendToMyself(SIGUSR1);
  run(loop_);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(blocksOnThisThread(SIGUSR1));
  runTurns(loop_, 3);
}

TEST_P(LoopSignals, AnExceptionOutOfTheCallbackLeavesTheWatcherIntact) {
  int calls = 0;
  const SignalWatcher watcher(loop_, {SIGUSR1}, [&](int) {
    if (++calls == 1) throw std::runtime_error("signal");
    loop_.quit();
  });
  sendToMyself(SIGUSR1);
  EXPECT_THROW(run(loop_), std::runtime_error);
  sendToMyself(SIGUSR1);
  run(loop_);
  EXPECT_EQ(calls, 2);
}

TEST_P(LoopSignals, ASignalThatWasBlockedBeforeStaysBlockedAfterwards) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR1);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &one, nullptr), 0);
  {
    const SignalWatcher watcher(loop_, {SIGUSR1}, [](int) {});
  }
  EXPECT_TRUE(blocksOnThisThread(SIGUSR1));
  ASSERT_EQ(::pthread_sigmask(SIG_UNBLOCK, &one, nullptr), 0);
}

std::atomic<int> gHandled{0};

// Installs a handler that interrupts system calls, and removes it.
class Interrupting {
 public:
  explicit Interrupting(int signal) : signal_(signal) {
    struct sigaction action{};
    action.sa_handler = [](int) { ++gHandled; };  // without SA_RESTART
    ::sigaction(signal_, &action, &before_);
  }
  Interrupting(const Interrupting&) = delete;
  Interrupting& operator=(const Interrupting&) = delete;
  ~Interrupting() { ::sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_{};
};

TEST_P(LoopSignals, PendingWhenTheWatcherEndsAreDropped) {
  // Unblocked while it is pending, a signal would reach this handler; without one, it would end the
  // process.
  gHandled = 0;
  const Interrupting one(SIGUSR1);
  const Interrupting two(SIGUSR2);
  {
    const SignalWatcher watcher(loop_, {SIGUSR1, SIGUSR2}, [](int) { ADD_FAILURE(); });
    sendToMyself(SIGUSR1);
    sendToMyself(SIGUSR2);
  }
  EXPECT_EQ(gHandled, 0);
  EXPECT_FALSE(blocksOnThisThread(SIGUSR1));
  EXPECT_FALSE(blocksOnThisThread(SIGUSR2));
  sendToMyself(SIGUSR1);
  EXPECT_EQ(gHandled, 1);
  runTurns(loop_, 3);
}

TEST_P(LoopSignals, OfAnotherWatcherOutliveTheOneMadeFirst) {
  gHandled = 0;
  const Interrupting one(SIGUSR1);
  const Interrupting two(SIGUSR2);
  int got = 0;
  auto first = std::make_unique<SignalWatcher>(loop_, std::initializer_list<int>{SIGUSR1},
                                               [](int) { ADD_FAILURE(); });
  auto second = std::make_unique<SignalWatcher>(loop_, std::initializer_list<int>{SIGUSR2},
                                                [&got](int signal) { got = signal; });
  // One pending across the end of the first watcher, and one that comes after it.
  sendToMyself(SIGUSR2);
  first.reset();
  EXPECT_FALSE(blocksOnThisThread(SIGUSR1));
  EXPECT_TRUE(blocksOnThisThread(SIGUSR2));
  for (int i = 0; i < 2; ++i) {
    runUntil(loop_, [&got] { return got != 0; });
    EXPECT_EQ(std::exchange(got, 0), SIGUSR2);
    if (i == 0) sendToMyself(SIGUSR2);
  }
  second.reset();
  EXPECT_FALSE(blocksOnThisThread(SIGUSR2));
  EXPECT_EQ(gHandled, 0);
}

TEST_P(LoopSignals, ThatInterruptAWaitAreSurvived) {
  gHandled = 0;
  const Interrupting handler(SIGUSR2);
  Mailbox<int> fired;
  LoopThread thread(GetParam().spec);
  EventLoop& loop = thread.loop();
  const pthread_t target = runOn(loop, [] { return ::pthread_self(); });
  loop.runEvery(1ms, [&fired] { fired.put(1); });
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) ::pthread_kill(target, SIGUSR2);
    EXPECT_EQ(runOn(loop, [round] { return round; }), round);
    fired.awaitTotal(fired.total() + 1);
  }
  EXPECT_GT(gHandled, 0);
  EXPECT_EQ(thread.escaped().total(), 0U);
}

TEST_P(LoopSignals, ThatInterruptAWaitLoseNoFunctor) {
  gHandled = 0;
  const Interrupting handler(SIGUSR2);
  LoopThread thread(GetParam().spec);
  EventLoop& loop = thread.loop();
  const pthread_t target = runOn(loop, [] { return ::pthread_self(); });
  std::atomic<bool> stop{false};
  std::thread storm([&] {
    while (!stop) {
      ::pthread_kill(target, SIGUSR2);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 500; ++i) EXPECT_EQ(runOn(loop, [i] { return i; }), i);
  stop = true;
  storm.join();
  EXPECT_EQ(thread.escaped().total(), 0U);
}

TERN_ON_EACH_POLLER(LoopSignals);

}  // namespace
}  // namespace tern::testing
