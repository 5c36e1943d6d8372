// FrameError: what can be wrong with the frames that a peer sends.
#pragma once

#include <system_error>
#include <type_traits>

namespace tern {

/// As std::error_code: `if (error == FrameError::kTooLong)`.
enum class FrameError : unsigned char {
  kTooLong = 1,  ///< longer than the codec takes
};

/// "tern.frame"
[[nodiscard]] const std::error_category& frameErrorCategory() noexcept;

// The standard's name for it.
// NOLINTNEXTLINE(readability-identifier-naming)
[[nodiscard]] inline std::error_code make_error_code(FrameError error) noexcept {
  return {static_cast<int>(error), frameErrorCategory()};
}

}  // namespace tern

template <>
struct std::is_error_code_enum<tern::FrameError> : std::true_type {};
