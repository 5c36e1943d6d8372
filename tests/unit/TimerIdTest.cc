// TimerId: equal means the same timer, whoever handed it out.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TimerId.h>

#include <chrono>
#include <thread>
#include <type_traits>

namespace tern {
namespace {

using std::chrono::hours;

static_assert(std::is_trivially_copyable_v<TimerId>);

TEST(TimerId, TheDefaultNamesNoTimer) {
  EventLoop loop(PollerKind::kEPoll);
  EXPECT_EQ(TimerId(), TimerId());
  EXPECT_NE(TimerId(), loop.runAfter(hours(1), [] {}));
  loop.cancel(TimerId());
}

TEST(TimerId, CopiesAreEqualAndOtherTimersAreNot) {
  EventLoop loop(PollerKind::kEPoll);
  const TimerId one = loop.runAfter(hours(1), [] {});
  const TimerId two = loop.runAfter(hours(1), [] {});
  const TimerId copy =
      one;  // NOLINT(performance-unnecessary-copy-initialization): the copy is tested
  EXPECT_EQ(copy, one);
  EXPECT_NE(one, two);
  EXPECT_NE(loop.runEvery(hours(1), [] {}), one);
}

TEST(TimerId, ACancelledOneNeverNamesALaterTimer) {
  EventLoop loop(PollerKind::kEPoll);
  const TimerId old = loop.runAfter(hours(1), [] {});
  loop.cancel(old);
  for (int i = 0; i < 100; ++i) {
    const TimerId later = loop.runAfter(hours(1), [] {});
    EXPECT_NE(later, old);
    loop.cancel(later);
  }
}

TEST(TimerId, ThoseFromOtherThreadsDifferToo) {
  EventLoop loop(PollerKind::kEPoll);
  const TimerId here = loop.runAfter(hours(1), [] {});
  TimerId one;
  TimerId two;
  std::thread([&] {
    one = loop.runAfter(hours(1), [] {});
    two = loop.runAfter(hours(1), [] {});
  }).join();
  EXPECT_NE(one, two);
  EXPECT_NE(one, here);
  EXPECT_NE(two, here);
  EXPECT_NE(one, TimerId());
}

}  // namespace
}  // namespace tern
