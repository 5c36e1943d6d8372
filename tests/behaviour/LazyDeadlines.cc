// LazyDeadlines: a deadline that moves, and the one timer beneath it.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/LazyDeadline.h>

#include <chrono>
#include <optional>

#include "support/EachPoller.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class LazyDeadlines : public OnEachPoller {
 protected:
  LazyDeadlines() {
    deadline_.emplace(loop_, [this] { tick(); });
  }

  void tick() {
    ++ticks_;
    if (deadline_->expired()) expiredAt_ = Clock::now();
  }
  void runUntilExpired() {
    runUntil(loop_, [this] { return expiredAt_.has_value(); });
  }
  // Long enough for a timer that is due in 5 ms, and was set before.
  void runBeyond5ms() {
    bool passed = false;
    loop_.runAfter(10ms, [&] { passed = true; });
    runUntil(loop_, [&] { return passed; });
  }

  EventLoop loop_{GetParam().spec};
  std::optional<LazyDeadline> deadline_;
  int ticks_ = 0;
  std::optional<Timestamp> expiredAt_;
};

TEST_P(LazyDeadlines, ExpireOnceAndNotBeforeTheirTime) {
  const Timestamp when = Clock::now() + 5ms;
  deadline_->set(when);
  runUntilExpired();
  EXPECT_GE(*expiredAt_, when);
  expiredAt_.reset();
  runBeyond5ms();
  EXPECT_FALSE(expiredAt_.has_value());
  EXPECT_EQ(ticks_, 1);
}

TEST_P(LazyDeadlines, MovedToLaterExpireLater) {
  deadline_->set(Clock::now() + 1ms);
  const Timestamp when = Clock::now() + 20ms;
  deadline_->set(when);
  runUntilExpired();
  EXPECT_GE(*expiredAt_, when);
  EXPECT_EQ(ticks_, 2);
}

TEST_P(LazyDeadlines, MovedToEarlierExpireEarlier) {
  deadline_->set(Clock::now() + 1h);
  deadline_->set(Clock::now() + 1ms);
  runUntilExpired();
  EXPECT_EQ(ticks_, 1);
}

TEST_P(LazyDeadlines, MovedAThousandTimesCostOneTimer) {
  for (int i = 0; i < 1000; ++i) deadline_->set(Clock::now() + 5ms);
  runUntilExpired();
  EXPECT_LE(ticks_, 2);
}

TEST_P(LazyDeadlines, ThatAreClearedDoNotExpireUntilTheyAreSetAgain) {
  deadline_->set(Clock::now() + 5ms);
  deadline_->clear();
  runBeyond5ms();
  EXPECT_FALSE(expiredAt_.has_value());
  deadline_->set(Clock::now());
  runUntilExpired();
}

TEST_P(LazyDeadlines, ThatAreDestroyedDoNotTick) {
  deadline_->set(Clock::now() + 5ms);
  deadline_.reset();
  runBeyond5ms();
  EXPECT_EQ(ticks_, 0);
}

TEST_P(LazyDeadlines, SetAnewWhereTheyExpireAreADifferentDeadline) {
  int expired = 0;
  deadline_.emplace(loop_, [&] {
    if (!deadline_->expired()) return;
    if (++expired < 5) deadline_->set(Clock::now() + 1ms);
  });
  deadline_->set(Clock::now());
  runUntil(loop_, [&] { return expired == 5; });
}

TEST_P(LazyDeadlines, MovedToThePastWhereTheyTickExpireThere) {
  int expired = 0;
  deadline_.emplace(loop_, [&] {
    deadline_->set(Clock::now() - 1h);
    if (!deadline_->expired()) return;
    ++expired;
    deadline_.reset();
  });
  deadline_->set(Clock::now() + 1ms);
  runUntil(loop_, [&] { return expired > 0; });
  runBeyond5ms();
  EXPECT_EQ(expired, 1);
}

TERN_ON_EACH_POLLER(LazyDeadlines);

}  // namespace
}  // namespace tern::testing
