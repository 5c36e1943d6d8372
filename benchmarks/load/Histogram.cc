// The reading side of the histogram; recording, which runs once a message, is in the header.
#include "Histogram.h"

#include <algorithm>
#include <cmath>

namespace tern::load {

Histogram::Histogram() : counts_(kBuckets) {}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  total_ = 0;
  sum_ = 0;
  min_ = UINT64_MAX;
  max_ = 0;
}

Duration Histogram::min() const { return Duration{empty() ? 0 : static_cast<std::int64_t>(min_)}; }

Duration Histogram::max() const { return Duration{static_cast<std::int64_t>(max_)}; }

double Histogram::meanNanoseconds() const {
  return empty() ? 0.0 : static_cast<double>(sum_) / static_cast<double>(total_);
}

Duration Histogram::percentile(double quantile) const {
  if (empty()) return Duration{0};
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, total_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    // The last bucket has no upper edge, and no bucket may answer with more than was ever recorded.
    if (seen >= rank) {
      const std::uint64_t edge = i + 1 == kBuckets ? max_ : std::min(highestIn(i), max_);
      return Duration{static_cast<std::int64_t>(edge)};
    }
  }
  return max();
}

std::uint64_t Histogram::highestIn(std::size_t index) {
  if (index < (std::size_t{1} << kExactBits)) return index;
  const auto shift = static_cast<unsigned>(index / kBucketsPerOctave) - 1;
  const std::uint64_t lowest = static_cast<std::uint64_t>(index - shift * kBucketsPerOctave)
                               << shift;
  return lowest + (std::uint64_t{1} << shift) - 1;
}

}  // namespace tern::load
