// Histogram against the exact answer, which is found by sorting.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "Histogram.h"

namespace tern::load {
namespace {

constexpr double kQuantiles[] = {0.0, 0.001, 0.01, 0.1,   0.25,   0.5, 0.75,
                                 0.9, 0.95,  0.99, 0.999, 0.9999, 1.0};

// Values that are as likely in one power of ten as in another, from 1 ns to an hour.
std::vector<std::int64_t> logUniformValues(std::size_t count) {
  std::mt19937_64 random(20231);
  std::uniform_real_distribution<double> exponent(0.0, std::log10(3.6e12));
  std::vector<std::int64_t> values(count);
  for (auto& value : values) value = static_cast<std::int64_t>(std::pow(10.0, exponent(random)));
  return values;
}

std::int64_t exactPercentile(const std::vector<std::int64_t>& sorted, double quantile) {
  const double rank = std::ceil(quantile * static_cast<double>(sorted.size()));
  return sorted[rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1];
}

void expectThreeDigits(const Histogram& histogram, std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  for (const double quantile : kQuantiles) {
    const std::int64_t exact = exactPercentile(values, quantile);
    const std::int64_t seen = histogram.percentile(quantile).count();
    EXPECT_GE(seen, exact) << "quantile " << quantile;
    EXPECT_LE(static_cast<double>(seen - exact), static_cast<double>(exact) / 1000)
        << "quantile " << quantile;
  }
}

TEST(Histogram, PercentilesHaveThreeSignificantDigitsFromNanosecondsToHours) {
  const auto values = logUniformValues(200'000);
  Histogram histogram;
  for (const auto value : values) histogram.record(Duration{value});
  expectThreeDigits(histogram, values);
}

TEST(Histogram, PercentilesOfANarrowPeakWithALongTailHaveThreeSignificantDigits) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> peak(std::log(600e3), 0.2);
  std::vector<std::int64_t> values(100'000);
  for (auto& value : values) value = static_cast<std::int64_t>(peak(random));
  for (std::size_t i = 0; i < values.size(); i += 2000) values[i] = 50'000'000 + std::int64_t(i);
  Histogram histogram;
  for (const auto value : values) histogram.record(Duration{value});
  expectThreeDigits(histogram, values);
}

TEST(Histogram, EveryValueUnderTwoThousandIsExact) {
  for (std::int64_t value = 0; value < 2048; ++value) {
    Histogram histogram;
    histogram.record(Duration{value});
    histogram.record(
        Duration{1'000'000});  // so that the answer is a bucket's edge, not the maximum
    EXPECT_EQ(histogram.percentile(0.5).count(), value);
  }
}

TEST(Histogram, BucketsMeetAtEveryPowerOfTwoWithoutGapOrOverlap) {
  for (std::int64_t power = 2048; power < Histogram::highestTrackable().count(); power *= 2) {
    for (const std::int64_t value : {power - 1, power, power + 1}) {
      Histogram histogram;
      histogram.record(Duration{value});
      histogram.record(Histogram::highestTrackable());
      const std::int64_t seen = histogram.percentile(0.5).count();
      EXPECT_GE(seen, value);
      EXPECT_LE(seen - value, value / 1024);
    }
  }
}

TEST(Histogram, MinimumMaximumAndMeanAreExact) {
  const auto values = logUniformValues(10'000);
  Histogram histogram;
  double sum = 0;
  for (const auto value : values) {
    histogram.record(Duration{value});
    sum += static_cast<double>(value);
  }
  EXPECT_EQ(histogram.min().count(), *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.max().count(), *std::max_element(values.begin(), values.end()));
  EXPECT_NEAR(histogram.meanNanoseconds() / (sum / 10'000), 1.0, 1e-9);
  EXPECT_EQ(histogram.count(), 10'000U);
}

TEST(Histogram, NoPercentileExceedsTheMaximum) {
  Histogram histogram;
  histogram.record(Duration{1'000'001});
  for (const double quantile : kQuantiles) {
    EXPECT_EQ(histogram.percentile(quantile).count(), 1'000'001);
  }
}

TEST(Histogram, ACountStandsForAsManyRecords) {
  Histogram once;
  Histogram many;
  once.record(Duration{5000}, 16);
  for (int i = 0; i < 16; ++i) many.record(Duration{5000});
  once.record(Duration{9000});
  many.record(Duration{9000});
  EXPECT_EQ(once.count(), many.count());
  EXPECT_EQ(once.meanNanoseconds(), many.meanNanoseconds());
  EXPECT_EQ(once.percentile(0.9), many.percentile(0.9));
  EXPECT_EQ(once.percentile(0.99), many.percentile(0.99));
}

TEST(Histogram, MergingEqualsRecordingEverythingInOne) {
  const auto values = logUniformValues(50'000);
  Histogram whole;
  Histogram parts[3];
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.record(Duration{values[i]});
    parts[i % 3].record(Duration{values[i]});
  }
  Histogram merged;
  for (const Histogram& part : parts) merged.merge(part);
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  EXPECT_EQ(merged.meanNanoseconds(), whole.meanNanoseconds());
  for (const double quantile : kQuantiles) {
    EXPECT_EQ(merged.percentile(quantile), whole.percentile(quantile));
  }
}

TEST(Histogram, MergingAnEmptyOneChangesNothing) {
  Histogram histogram;
  histogram.record(Duration{42});
  histogram.merge(Histogram());
  EXPECT_EQ(histogram.min().count(), 42);
  EXPECT_EQ(histogram.max().count(), 42);
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(Histogram, IsAllZeroWhenEmptyAndAfterClear) {
  Histogram histogram;
  histogram.record(Duration{42});
  histogram.clear();
  for (const Histogram& empty : {Histogram(), histogram}) {
    EXPECT_TRUE(empty.empty());
    EXPECT_EQ(empty.min().count(), 0);
    EXPECT_EQ(empty.max().count(), 0);
    EXPECT_EQ(empty.meanNanoseconds(), 0.0);
    EXPECT_EQ(empty.percentile(0.5).count(), 0);
  }
}

TEST(Histogram, NegativeValuesCountAsZero) {
  Histogram histogram;
  histogram.record(Duration{-5});
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.max().count(), 0);
}

TEST(Histogram, AValueAboveTheRangeKeepsItsPlaceAtTheTopAndItsExactMaximum) {
  const Duration tenHours = std::chrono::hours(10);
  Histogram histogram;
  histogram.record(Duration{100}, 99);
  histogram.record(tenHours);
  EXPECT_EQ(histogram.percentile(0.99).count(), 100);
  EXPECT_EQ(histogram.percentile(1.0), tenHours);
  EXPECT_EQ(histogram.max(), tenHours);
}

}  // namespace
}  // namespace tern::load
