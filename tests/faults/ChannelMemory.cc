// ChannelMemory: events are handed out without memory, however many there are at once.
#include "ShortOfMemory.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <tern/base/UniqueFd.h>
#include <tern/poller/Channel.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <vector>

#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

class ChannelMemory : public ShortOfMemory {
 protected:
  // More than a ring has room for at once; select() has room for no more.
  void watchMany() {
    const std::size_t many = GetParam().isUring() ? 3000 : 900;
    told_.resize(many);
    for (std::size_t i = 0; i < many; ++i) {
      fds_.emplace_back(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
      channels_.push_back(std::make_unique<Channel>(loop_.poller(), fds_.back().get()));
      channels_.back()->setReadCallback([&count = told_[i]](Timestamp) { ++count; });
      channels_.back()->enableReading();
    }
  }

  [[nodiscard]] std::ptrdiff_t untold() const { return std::count(told_.begin(), told_.end(), 0); }

  // Some pollers hand out a few at a time, and begin with those that are ready again.
  void runUntilAllAreTold() {
    for (int left = 10'000; left > 0 && untold() > 0; --left) turns(1);
  }

 private:
  std::vector<UniqueFd> fds_;
  std::vector<int> told_;
  std::vector<std::unique_ptr<Channel>> channels_;
};

TEST_P(ChannelMemory, ManyEventsAtOnceTakeNone) {
  watchMany();
  {
    const HeapRefusal refusal;
    runUntilAllAreTold();
  }
  EXPECT_EQ(untold(), 0);
}

TEST_P(ChannelMemory, ManyChannelsOnARingThatTakesNoneForAWhileAreWatchedAfterwards) {
  watchMany();
  {
    const Faults faults(
        only(Call::kUringEnter, [](const Asked&) { return Answer{.error = EBUSY}; }));
    const HeapRefusal refusal;
    turns(5);
  }
  runUntilAllAreTold();
  EXPECT_EQ(untold(), 0);
}

TERN_ON_EACH_POLLER(ChannelMemory);

}  // namespace
}  // namespace tern::testing

#endif
