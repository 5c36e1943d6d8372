// Timeout: tern's durations as the kernel's timeouts.
#pragma once

#include <algorithm>
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

/// For a wait that the kernel had no memory for: sleeps a little instead, no longer than the wait
/// would have been, so that the shortage, which passes, does not make the loop spin.
inline void pauseForMemory(Duration timeout) noexcept {
  constexpr Duration kPause = std::chrono::milliseconds(10);
  timespec pause;
  ::nanosleep(toTimespec(std::min(timeout, kPause), pause), nullptr);
}

}  // namespace tern
