// Clock types: the one monotonic clock that loops, timers and timestamps use.
#pragma once

#include <chrono>
#include <concepts>
#include <ratio>
#include <type_traits>

namespace tern {

/// Monotonic (CLOCK_MONOTONIC): a step of the wall clock changes nothing.
using Clock = std::chrono::steady_clock;
using Timestamp = Clock::time_point;
using Duration = std::chrono::nanoseconds;

/// "Wait until something happens", as a timeout.
inline constexpr Duration kForever = Duration::max();

/// Any chrono duration as nanoseconds, saturated instead of overflowed: 300 years becomes
/// Duration::max(), the most negative becomes Duration::min(), a NaN becomes zero.
template <class Rep, class Period>
constexpr Duration saturate(std::chrono::duration<Rep, Period> d) noexcept {
  // Floating point in its own precision, as duration_cast has it; whole numbers in a long double,
  // which holds every nanosecond count exactly.
  using Wide = std::conditional_t<std::is_floating_point_v<Rep>, Rep, long double>;
  if (d.count() != d.count()) return Duration::zero();
  const Wide wide = std::chrono::duration_cast<std::chrono::duration<Wide, std::nano>>(
                        std::chrono::duration<Wide, Period>(static_cast<Wide>(d.count())))
                        .count();
  if (wide >= static_cast<Wide>(Duration::max().count())) return Duration::max();
  if (wide <= static_cast<Wide>(Duration::min().count())) return Duration::min();
  using Factor = std::ratio_divide<Period, std::nano>;
  if constexpr (std::is_integral_v<Rep> && Factor::den == 1) {
    return Duration(static_cast<Duration::rep>(d.count()) * Factor::num);
  } else {
    return Duration(static_cast<Duration::rep>(wide));
  }
}

/// A parameter type: takes any chrono duration and holds it saturated, so that no caller's unit
/// can overflow on the way in.
class Delay {
 public:
  template <class Rep, class Period>
  constexpr explicit(false) Delay(std::chrono::duration<Rep, Period> d) noexcept
      : value_(saturate(d)) {}

  [[nodiscard]] constexpr Duration value() const noexcept { return value_; }

 private:
  Duration value_;
};

/// when + delay, saturated at both ends of the clock.
constexpr Timestamp addSaturated(Timestamp when, Duration delay) noexcept {
  const auto base = when.time_since_epoch();
  if (delay > Duration::zero() && base > Duration::max() - delay) return Timestamp::max();
  if (delay < Duration::zero() && base < Duration::min() - delay) return Timestamp::min();
  return when + delay;
}

}  // namespace tern
