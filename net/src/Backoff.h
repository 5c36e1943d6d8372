// Backoff: the delays that a RetryPolicy asks for, one after the other.
#pragma once

#include <random>

#include "tern/net/RetryPolicy.h"

namespace tern {

class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) noexcept;

  /// The next delay, longer on average than the last.
  Duration next();
  /// The next delay is a first one.
  void reset() noexcept { delay_ = first_; }

 private:
  Duration first_;
  Duration longest_;
  Duration delay_ = first_;
  std::minstd_rand random_;
};

}  // namespace tern
