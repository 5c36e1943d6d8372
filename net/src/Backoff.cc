// Backoff: doubling, and chance.
#include "Backoff.h"

#include <algorithm>

namespace tern {
namespace {

constexpr Duration kShortest = std::chrono::milliseconds(1);

// Clients that start at the same moment must not draw the same numbers.
unsigned seed() noexcept {
  try {
    return std::random_device{}();
  } catch (...) {
    return static_cast<unsigned>(Clock::now().time_since_epoch().count());
  }
}

}  // namespace

Backoff::Backoff(const RetryPolicy& policy) noexcept
    : first_(std::max(policy.first, kShortest)),
      longest_(std::max(policy.longest, first_)),
      random_(seed()) {}

Duration Backoff::next() {
  const Duration all = delay_;
  delay_ = delay_ > longest_ / 2 ? longest_ : delay_ * 2;
  std::uniform_int_distribution<Duration::rep> between((all / 2).count(), all.count());
  return Duration(between(random_));
}

}  // namespace tern
