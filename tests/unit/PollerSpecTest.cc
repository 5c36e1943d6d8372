// PollerSpec: names, the environment's default, factories, and the report of what was chosen and
// why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/PollerSpec.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "support/SelectPoller.h"

namespace tern {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// TERN_POLLER as it was before, after each test.
class PollerSpecTest : public ::testing::Test {
 protected:
  PollerSpecTest() {
    if (const char* value = std::getenv(kVariable)) before_ = value;
    ::unsetenv(kVariable);
  }
  ~PollerSpecTest() override {
    if (before_) {
      ::setenv(kVariable, before_->c_str(), 1);
    } else {
      ::unsetenv(kVariable);
    }
  }

  static void setVariable(const char* value) { ::setenv(kVariable, value, 1); }

 private:
  static constexpr const char* kVariable = "TERN_POLLER";
  std::optional<std::string> before_;
};

PollerFactory selectFactory() {
  return [] { return std::make_unique<testing::SelectPoller>(); };
}

// --- names ---

TEST_F(PollerSpecTest, EveryPollerHasAName) {
  for (const std::string_view name : {"poll", "epoll", "io_uring"}) {
    const PollerSpec spec = PollerSpec::named(name);
    EXPECT_EQ(spec.asked(), name);
    const PollerSpec::Made made = spec.make();
    EXPECT_EQ(made.poller->name(), name);
    EXPECT_EQ(made.choice.asked, name);
    EXPECT_EQ(made.choice.chosen, name);
  }
  EXPECT_EQ(PollerSpec::named("auto").asked(), "auto");
}

TEST_F(PollerSpecTest, EveryKindIsTheOneOfItsName) {
  EXPECT_EQ(PollerSpec(PollerKind::kPoll).asked(), "poll");
  EXPECT_EQ(PollerSpec(PollerKind::kEPoll).asked(), "epoll");
  EXPECT_EQ(PollerSpec(PollerKind::kUring).asked(), "io_uring");
  EXPECT_EQ(PollerSpec(PollerKind::kAuto).asked(), "auto");
  EXPECT_EQ(PollerSpec(PollerKind::kPoll).make().poller->name(), "poll");
  EXPECT_EQ(PollerSpec(PollerKind::kEPoll).make().poller->name(), "epoll");
  EXPECT_EQ(PollerSpec(PollerKind::kUring).make().poller->name(), "io_uring");
}

TEST_F(PollerSpecTest, AnUnknownNameIsRefusedNamingItAndTheKnownOnes) {
  for (const std::string_view name :
       {"", "kqueue", "EPOLL", " epoll", "epoll ", "epoll,poll", "uring", "io-uring", "select"}) {
    EXPECT_THAT([&] { PollerSpec::named(name); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr("'" + std::string(name) + "'"), HasSubstr("epoll"),
                          HasSubstr("io_uring"), HasSubstr("auto"))))
        << name;
  }
}

TEST_F(PollerSpecTest, ANumberThatIsNoKindIsRefused) {
  EXPECT_THAT([] { PollerSpec(static_cast<PollerKind>(77)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("77")));
}

// --- the default ---

TEST_F(PollerSpecTest, TheDefaultIsEpoll) {
  const PollerSpec spec;
  EXPECT_EQ(spec.asked(), "epoll");
  const PollerSpec::Made made = spec.make();
  EXPECT_EQ(made.poller->name(), "epoll");
  EXPECT_EQ(made.choice.chosen, "epoll");
  EXPECT_THAT(made.choice.reason, HasSubstr("default"));
}

TEST_F(PollerSpecTest, TheEnvironmentChoosesTheDefault) {
  for (const char* name : {"poll", "epoll", "io_uring"}) {
    setVariable(name);
    const PollerSpec::Made made = PollerSpec().make();
    EXPECT_EQ(made.poller->name(), name);
    EXPECT_EQ(made.choice.asked, name);
    EXPECT_EQ(made.choice.chosen, name);
    EXPECT_THAT(made.choice.reason, HasSubstr("TERN_POLLER"));
  }
  setVariable("auto");
  EXPECT_EQ(PollerSpec().asked(), "auto");
}

TEST_F(PollerSpecTest, AnEmptyVariableIsAnUnsetOne) {
  setVariable("");
  EXPECT_EQ(PollerSpec().asked(), "epoll");
  EXPECT_THAT(PollerSpec().make().choice.reason, HasSubstr("default"));
}

TEST_F(PollerSpecTest, ABadVariableIsRefusedNamingItAndItsValue) {
  setVariable("kqueue");
  EXPECT_THAT([] { PollerSpec(); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("TERN_POLLER"), HasSubstr("'kqueue'"), HasSubstr("io_uring"))));
  EXPECT_THROW(EventLoop(), std::invalid_argument);
  EventLoop stillPossible(PollerKind::kPoll);
  EXPECT_EQ(stillPossible.pollerChoice().chosen, "poll");
}

TEST_F(PollerSpecTest, TheVariableDoesNotOverruleTheProgram) {
  setVariable("poll");
  const PollerSpec::Made made = PollerSpec(PollerKind::kEPoll).make();
  EXPECT_EQ(made.poller->name(), "epoll");
  EXPECT_THAT(made.choice.reason, HasSubstr("program"));
  setVariable("kqueue");
  EXPECT_EQ(PollerSpec::named("poll").make().poller->name(), "poll");
}

TEST_F(PollerSpecTest, TheVariableIsReadWhenTheSpecIsMade) {
  setVariable("poll");
  const PollerSpec spec;
  setVariable("io_uring");
  EXPECT_EQ(spec.make().poller->name(), "poll");
}

// --- factories ---

TEST_F(PollerSpecTest, AFactoryMakesAPollerOfOnesOwn) {
  const PollerSpec::Made made = PollerSpec(selectFactory(), "mine").make();
  EXPECT_EQ(made.poller->name(), "select");
  EXPECT_EQ(made.choice.asked, "mine");
  EXPECT_EQ(made.choice.chosen, "select");
  EXPECT_THAT(made.choice.reason, HasSubstr("program"));
  EXPECT_EQ(PollerSpec(selectFactory()).asked(), "custom");
}

TEST_F(PollerSpecTest, AFactoryIsCalledOncePerPollerOnTheCallingThread) {
  int calls = 0;
  std::thread::id caller;
  const PollerSpec spec([&] {
    ++calls;
    caller = std::this_thread::get_id();
    return std::make_unique<testing::SelectPoller>();
  });
  EXPECT_EQ(calls, 0);
  static_cast<void>(spec.make());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(caller, std::this_thread::get_id());
  const PollerSpec copy = spec;  // NOLINT(performance-unnecessary-copy-initialization)
  std::thread::id other;
  std::thread([&] {
    static_cast<void>(copy.make());
    other = std::this_thread::get_id();
  }).join();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(caller, other);
}

TEST_F(PollerSpecTest, AnEmptyFactoryIsRefusedAtOnce) {
  EXPECT_THAT([] { PollerSpec{PollerFactory()}; },
              ThrowsMessage<std::invalid_argument>(HasSubstr("empty")));
}

TEST_F(PollerSpecTest, AFactoryThatMakesNoneIsNamed) {
  const PollerSpec spec([] { return std::unique_ptr<Poller>(); }, "broken");
  EXPECT_THAT([&] { static_cast<void>(spec.make()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'broken'")));
  EXPECT_THROW(EventLoop{spec}, std::invalid_argument);
}

TEST_F(PollerSpecTest, WhatAFactoryThrowsPassesThrough) {
  const PollerSpec spec([]() -> std::unique_ptr<Poller> { throw std::runtime_error("no luck"); });
  EXPECT_THAT([&] { static_cast<void>(spec.make()); },
              ThrowsMessage<std::runtime_error>("no luck"));
  EXPECT_THROW(EventLoop{spec}, std::runtime_error);
}

// --- auto ---

TEST_F(PollerSpecTest, AutoChoosesIoUringOnThisKernelAndSaysWhy) {
  int messages = 0;
  setLogHook([&](LogLevel, std::string_view, const std::source_location&) { ++messages; });
  const PollerSpec::Made made = PollerSpec(PollerKind::kAuto).make();
  setLogHook({});
  EXPECT_EQ(made.poller->name(), "io_uring");
  EXPECT_EQ(made.choice.asked, "auto");
  EXPECT_EQ(made.choice.chosen, "io_uring");
  EXPECT_FALSE(made.choice.reason.empty());
  EXPECT_EQ(messages, 0) << "nothing to report";
}

TEST_F(PollerSpecTest, ALoopReportsItsChoiceAndRecipe) {
  {
    const EventLoop loop(PollerKind::kAuto);
    EXPECT_EQ(loop.pollerChoice().asked, "auto");
    EXPECT_EQ(loop.pollerChoice().chosen, "io_uring");
    EXPECT_EQ(loop.pollerSpec().asked(), "auto");
  }
  setVariable("poll");
  const EventLoop loop;
  EXPECT_EQ(loop.pollerChoice().asked, "poll");
  EXPECT_EQ(loop.pollerChoice().chosen, "poll");
  EXPECT_THAT(loop.pollerChoice().reason, HasSubstr("TERN_POLLER"));
}

TEST_F(PollerSpecTest, AMovedSpecStillWorks) {
  PollerSpec from(selectFactory(), "mine");
  const PollerSpec to = std::move(from);
  EXPECT_EQ(to.make().choice.asked, "mine");
}

}  // namespace
}  // namespace tern
