// Timeout: tern's durations as the kernel's timeouts.
#pragma once

#include <ctime>

#include "tern/base/Clock.h"

namespace tern {

/// nullptr (no limit) for kForever; else `storage`, filled. Negative durations count as zero.
inline const timespec* toTimespec(Duration timeout, timespec& storage) noexcept {
  if (timeout == kForever) return nullptr;
  if (timeout < Duration::zero()) timeout = Duration::zero();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  storage.tv_sec = static_cast<time_t>(seconds.count());
  storage.tv_nsec = static_cast<long>((timeout - seconds).count());
  return &storage;
}

}  // namespace tern
