// ThreadCheck: knows its thread, and aborts with a sentence on another.
#include <gtest/gtest.h>
#include <tern/base/ThreadCheck.h>

#include <csignal>
#include <memory>
#include <thread>

namespace tern {
namespace {

using ::testing::KilledBySignal;

TEST(ThreadCheck, TheThreadThatMadeItOwnsIt) {
  const ThreadCheck check;
  EXPECT_TRUE(check.isOwner());
  check.require("EventLoop::loop()");

  bool ownedElsewhere = true;
  std::thread([&] { ownedElsewhere = check.isOwner(); }).join();
  EXPECT_FALSE(ownedElsewhere);
}

TEST(ThreadCheck, OneMadeElsewhereBelongsThere) {
  std::unique_ptr<ThreadCheck> check;
  bool ownedThere = false;
  std::thread([&] {
    check = std::make_unique<ThreadCheck>();
    ownedThere = check->isOwner();
    check->require("anything");
  }).join();
  EXPECT_TRUE(ownedThere);
  EXPECT_FALSE(check->isOwner());
}

TEST(ThreadCheckDeathTest, RequireOnAnotherThreadAbortsNamingTheCallAndTheWayOut) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const ThreadCheck check;
        std::thread([&] { check.require("Channel::setInterest()"); }).join();
      },
      KilledBySignal(SIGABRT), "Channel::setInterest\\(\\) was called from a thread.*runInLoop");
}

}  // namespace
}  // namespace tern
