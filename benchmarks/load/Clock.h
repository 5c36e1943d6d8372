// The tool's one clock: monotonic, in nanoseconds, read through the vDSO without a system call.
#pragma once

#include <chrono>

namespace tern::load {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;

inline TimePoint now() { return Clock::now(); }

inline double toSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

inline double toMicroseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

inline Duration fromSeconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace tern::load
