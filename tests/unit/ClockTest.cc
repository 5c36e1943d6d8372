// Clock: durations of any unit become nanoseconds without overflow, and so do deadlines.
#include <gtest/gtest.h>
#include <tern/base/Clock.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>

namespace tern {
namespace {

using std::chrono::duration;

using Years = duration<std::int64_t, std::ratio<31556952>>;

static_assert(Clock::is_steady);
static_assert(kForever == Duration::max());
// Usable for constants.
static_assert(saturate(std::chrono::hours(1)) == std::chrono::hours(1));
static_assert(saturate(Years(300)) == Duration::max());
static_assert(saturate(Years(-300)) == Duration::min());
static_assert(Delay(std::chrono::milliseconds(5)).value() == std::chrono::milliseconds(5));
static_assert(addSaturated(Timestamp::max(), Duration(1)) == Timestamp::max());

TEST(Saturate, KeepsEveryDurationThatFits) {
  EXPECT_EQ(saturate(Duration(17)), Duration(17));
  EXPECT_EQ(saturate(std::chrono::seconds(0)), Duration::zero());
  EXPECT_EQ(saturate(std::chrono::seconds(-3)), std::chrono::seconds(-3));
  EXPECT_EQ(saturate(Years(292)), Years(292));
  EXPECT_EQ(saturate(Years(-292)), Years(-292));
  EXPECT_EQ(saturate(duration<std::uint8_t>(200)), std::chrono::seconds(200));
  EXPECT_EQ(saturate(duration<int, std::ratio<1, 60>>(90)), std::chrono::milliseconds(1500));
}

TEST(Saturate, IsExactAtTheEdge) {
  EXPECT_EQ(saturate(Duration::max()), Duration::max());
  EXPECT_EQ(saturate(Duration::min()), Duration::min());
  EXPECT_EQ(saturate(Duration::max() - Duration(1)), Duration::max() - Duration(1));
  EXPECT_EQ(saturate(Duration::min() + Duration(1)), Duration::min() + Duration(1));
  // The last second that fits, and the first that does not.
  const std::chrono::seconds last(Duration::max().count() / 1'000'000'000);
  EXPECT_EQ(saturate(last), last);
  EXPECT_EQ(saturate(last + std::chrono::seconds(1)), Duration::max());
  EXPECT_EQ(saturate(-last), -last);
  EXPECT_EQ(saturate(-last - std::chrono::seconds(1)), Duration::min());
}

TEST(Saturate, TheLargestOfEveryUnitIsTheLargestDuration) {
  EXPECT_EQ(saturate(std::chrono::microseconds::max()), Duration::max());
  EXPECT_EQ(saturate(std::chrono::seconds::max()), Duration::max());
  EXPECT_EQ(saturate(std::chrono::hours::max()), Duration::max());
  EXPECT_EQ(saturate(Years::max()), Duration::max());
  EXPECT_EQ(saturate(std::chrono::microseconds::min()), Duration::min());
  EXPECT_EQ(saturate(std::chrono::hours::min()), Duration::min());
  EXPECT_EQ(saturate(Years::min()), Duration::min());
  using UnsignedNanos = duration<std::uint64_t, std::nano>;
  EXPECT_EQ(saturate(UnsignedNanos::max()), Duration::max());
  EXPECT_EQ(saturate(duration<std::uint64_t, std::ratio<3600>>::max()), Duration::max());
}

TEST(Saturate, UnitsBelowTheNanosecondAreTruncated) {
  EXPECT_EQ(saturate(duration<std::int64_t, std::pico>(1999)), Duration(1));
  EXPECT_EQ(saturate(duration<std::int64_t, std::pico>(-1999)), Duration(-1));
  EXPECT_EQ(saturate(duration<std::uint64_t, std::pico>::max()).count(), 18446744073709551);
  EXPECT_EQ(saturate(duration<double, std::nano>(0.75)), Duration::zero());
}

TEST(Saturate, FractionsOfSecondsInFloatingPointAreTaken) {
  EXPECT_EQ(saturate(duration<double>(0.5)), std::chrono::milliseconds(500));
  EXPECT_EQ(saturate(duration<float>(-0.25F)), std::chrono::milliseconds(-250));
  EXPECT_EQ(saturate(duration<long double, std::milli>(1.5L)), std::chrono::microseconds(1500));
}

// 0.3 s is 300 ms, although the double nearest to 0.3 lies a little below.
TEST(Saturate, AFloatThatFitsIsWhatDurationCastMakesOfIt) {
  EXPECT_EQ(saturate(duration<double>(0.3)), std::chrono::milliseconds(300));
  for (int i = -2000; i <= 2000; ++i) {
    const duration<double> seconds(i / 1000.0);
    ASSERT_EQ(saturate(seconds), std::chrono::duration_cast<Duration>(seconds)) << seconds.count();
    const duration<float, std::milli> millis(static_cast<float>(i) / 7.0F);
    ASSERT_EQ(saturate(millis), std::chrono::duration_cast<Duration>(millis)) << millis.count();
  }
}

TEST(Saturate, WhatIsNoNumberIsZero) {
  EXPECT_EQ(saturate(duration<double>(std::nan(""))), Duration::zero());
  EXPECT_EQ(saturate(duration<float>(std::nanf(""))), Duration::zero());
  EXPECT_EQ(saturate(duration<long double>(std::nanl(""))), Duration::zero());
  EXPECT_EQ(saturate(duration<double>(-std::nan(""))), Duration::zero());
}

TEST(Saturate, InfinityAndHugeFloatsSaturate) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(saturate(duration<double>(kInfinity)), Duration::max());
  EXPECT_EQ(saturate(duration<double>(-kInfinity)), Duration::min());
  EXPECT_EQ(saturate(duration<double>(1e300)), Duration::max());
  EXPECT_EQ(saturate(duration<float>(-1e30F)), Duration::min());
  EXPECT_EQ(saturate(duration<double, std::nano>(9223372036854775808.0)), Duration::max());
  EXPECT_EQ(saturate(duration<double, std::nano>(-9223372036854775808.0)), Duration::min());
}

// Steps through the floating-point values on both sides of the largest duration. Converted in too
// narrow a type, one that is just below rounds up to 2^63, which no 64-bit integer holds.
template <class Floating>
void expectMonotonicAtTheEdge(const char* unit) {
  SCOPED_TRACE(unit);
  using Rep = typename Floating::rep;
  using Wide = duration<long double, std::nano>;
  const long double nanos = Wide(duration<long double, typename Floating::period>(1)).count();
  Rep count = static_cast<Rep>(static_cast<long double>(Duration::max().count()) / nanos);
  for (int i = 0; i < 1000; ++i) count = std::nextafter(count, Rep{0});
  Duration previous = saturate(Floating(count));
  EXPECT_GT(previous, Years(292));
  for (int i = 0; i < 2000; ++i) {
    count = std::nextafter(count, std::numeric_limits<Rep>::infinity());
    const Duration next = saturate(Floating(count));
    ASSERT_GE(next, previous) << "fell back at " << std::to_string(count);
    ASSERT_EQ(saturate(Floating(-count)) < Duration::zero(), true) << std::to_string(count);
    previous = next;
  }
  EXPECT_EQ(previous, Duration::max());
}

TEST(Saturate, FloatsNearTheLargestDurationNeverWrapAround) {
  expectMonotonicAtTheEdge<duration<float>>("float seconds");
  expectMonotonicAtTheEdge<duration<float, std::milli>>("float milliseconds");
  expectMonotonicAtTheEdge<duration<float, std::nano>>("float nanoseconds");
  expectMonotonicAtTheEdge<duration<float, std::ratio<3600>>>("float hours");
  expectMonotonicAtTheEdge<duration<double>>("seconds");
  expectMonotonicAtTheEdge<duration<double, std::milli>>("milliseconds");
  expectMonotonicAtTheEdge<duration<double, std::micro>>("microseconds");
  expectMonotonicAtTheEdge<duration<double, std::nano>>("nanoseconds");
  expectMonotonicAtTheEdge<duration<double, std::ratio<60>>>("minutes");
  expectMonotonicAtTheEdge<duration<double, std::ratio<86400>>>("days");
  expectMonotonicAtTheEdge<duration<long double>>("long double seconds");
}

// Sixtieths of a second for a hundred years: the result fits, a product on the way to it does not.
TEST(Saturate, UnitsThatAreNoMultipleOfANanosecondDoNotOverflowOnTheWay) {
  using Frames = duration<std::int64_t, std::ratio<1, 60>>;
  const std::chrono::seconds century(std::int64_t{100} * 31556952);
  EXPECT_EQ(saturate(Frames(century.count() * 60)), century);
  EXPECT_EQ(saturate(Frames(-century.count() * 60)), -century);
  EXPECT_EQ(saturate(Frames::max()), Duration::max());
  EXPECT_EQ(saturate(Frames::min()), Duration::min());
}

TEST(Delay, TakesAnyUnitImplicitly) {
  const auto nanoseconds = [](Delay delay) { return delay.value().count(); };
  EXPECT_EQ(nanoseconds(std::chrono::seconds(2)), 2'000'000'000);
  EXPECT_EQ(nanoseconds(duration<double>(0.1)), 100'000'000);
  EXPECT_EQ(nanoseconds(Years(300)), Duration::max().count());
  EXPECT_EQ(nanoseconds(std::chrono::hours::min()), Duration::min().count());
  EXPECT_EQ(nanoseconds(duration<float>(std::nanf(""))), 0);
}

TEST(AddSaturated, AddsWhereTheSumFits) {
  const Timestamp base{Duration(1000)};
  EXPECT_EQ(addSaturated(base, Duration(1)), Timestamp(Duration(1001)));
  EXPECT_EQ(addSaturated(base, Duration(-1001)), Timestamp(Duration(-1)));
  EXPECT_EQ(addSaturated(base, Duration::zero()), base);
  EXPECT_EQ(addSaturated(Timestamp::min(), Duration::max()), Timestamp(Duration(-1)));
  EXPECT_EQ(addSaturated(Timestamp::max(), Duration::min()), Timestamp(Duration(-1)));
}

TEST(AddSaturated, StopsAtBothEndsOfTheClock) {
  const Timestamp base{Duration(1000)};
  EXPECT_EQ(addSaturated(base, Duration::max()), Timestamp::max());
  EXPECT_EQ(addSaturated(base, Duration::max() - Duration(1000)), Timestamp::max());
  EXPECT_EQ(addSaturated(base, Duration::max() - Duration(1001)), Timestamp::max() - Duration(1));
  EXPECT_EQ(addSaturated(Timestamp::max(), Duration::max()), Timestamp::max());
  EXPECT_EQ(addSaturated(Timestamp::max(), Duration::zero()), Timestamp::max());
  EXPECT_EQ(addSaturated(Timestamp(Duration(-1000)), Duration::min()), Timestamp::min());
  EXPECT_EQ(addSaturated(Timestamp::min(), Duration::min()), Timestamp::min());
  EXPECT_EQ(addSaturated(Timestamp::min(), Duration(-1)), Timestamp::min());
  EXPECT_EQ(addSaturated(Timestamp::min(), Duration::zero()), Timestamp::min());
}

}  // namespace
}  // namespace tern
