// A log-linear histogram of durations, in the manner of HdrHistogram: three significant digits from
// 1 ns to almost five hours, constant time and no allocation per record.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "Clock.h"

namespace tern::load {

// Not thread-safe: one thread records; histograms of several threads are merged afterwards.
class Histogram {
 public:
  Histogram();

  // Counts `count` observations of `value`. A negative value counts as 0. A value above
  // highestTrackable() shares the last bucket, and still shows exactly in max() and mean().
  void record(Duration value, std::uint64_t count = 1) {
    const auto nanoseconds = value.count() < 0 ? 0 : static_cast<std::uint64_t>(value.count());
    counts_[indexOf(nanoseconds)] += count;
    total_ += count;
    sum_ += nanoseconds * count;
    if (nanoseconds < min_) min_ = nanoseconds;
    if (nanoseconds > max_) max_ = nanoseconds;
  }

  void merge(const Histogram& other);
  void clear();

  std::uint64_t count() const { return total_; }
  bool empty() const { return total_ == 0; }

  // Exact. All three are 0 when nothing was recorded.
  Duration min() const;
  Duration max() const;
  double meanNanoseconds() const;

  // The smallest recorded value that at least the fraction `quantile` (0 to 1) of all observations
  // does not exceed, seen through the buckets: never below the exact answer, and less than 0.1 %
  // above it. 0 when nothing was recorded.
  Duration percentile(double quantile) const;

  static constexpr Duration highestTrackable() {
    return Duration{(std::int64_t{1} << kTrackableBits) - 1};
  }

 private:
  // Values under 2^11 have a bucket each. Above, each power of two is cut into 2^10 buckets of
  // equal width, so that a bucket is never wider than 1/1024 of the values in it.
  static constexpr unsigned kExactBits = 11;
  static constexpr unsigned kTrackableBits = 44;
  static constexpr std::size_t kBucketsPerOctave = std::size_t{1} << (kExactBits - 1);
  static constexpr std::size_t kBuckets = (kTrackableBits - kExactBits + 2) * kBucketsPerOctave;

  static std::size_t indexOf(std::uint64_t value) {
    if (value < (std::uint64_t{1} << kExactBits)) return static_cast<std::size_t>(value);
    if (value >> kTrackableBits != 0) return kBuckets - 1;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kExactBits;
    return shift * kBucketsPerOctave + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t highestIn(std::size_t index);

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

}  // namespace tern::load
