// Schedule: equal intervals, connections in turn, no drift.
#include <gtest/gtest.h>

#include "Schedule.h"

namespace tern::load {
namespace {

const TimePoint kStart{std::chrono::hours(1000)};

TEST(Schedule, SpreadsTheRateOverTheConnectionsInTurn) {
  Schedule schedule(kStart, 1000, 1, 3);
  for (std::uint64_t tick = 0; tick < 30; ++tick) {
    const TimePoint due = kStart + std::chrono::milliseconds(tick);
    EXPECT_EQ(schedule.next(), due);
    EXPECT_EQ(schedule.intended(static_cast<std::uint32_t>(tick % 3), tick / 3), due);
    EXPECT_EQ(schedule.take(), tick % 3);
  }
}

TEST(Schedule, CountsMessagesAndNotBatches) {
  Schedule schedule(kStart, 16'000, 16, 1);
  schedule.take();
  EXPECT_EQ(schedule.next(), kStart + std::chrono::milliseconds(1));
}

TEST(Schedule, DoesNotDriftWhereTheIntervalIsNoWholeNumberOfNanoseconds) {
  const Schedule schedule(kStart, 3'000'000, 1, 1);
  const Duration afterTenMinutes = schedule.intended(0, 1'800'000'000) - kStart;
  EXPECT_NEAR(static_cast<double>(afterTenMinutes.count()), 600e9, 1000);
}

TEST(Schedule, AllowsLessThanOneMessageASecond) {
  Schedule schedule(kStart, 0.01, 1, 1);
  schedule.take();
  EXPECT_EQ(schedule.next(), kStart + std::chrono::seconds(100));
}

}  // namespace
}  // namespace tern::load
