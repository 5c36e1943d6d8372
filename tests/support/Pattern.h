// Pattern: an endless stream of bytes of which each place is known, so that what was sent need not
// be remembered, and bytes that are lost, doubled or out of order show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::testing {

/// After so many bytes it begins anew; not more than these at a time can be asked for.
inline constexpr std::size_t kPatternLength = std::size_t{1} << 20U;

/// The pattern twice. Not periodic within any block size.
inline const std::string& patternTwice() {
  static const std::string bytes = [] {
    std::string text(2 * kPatternLength, '\0');
    std::uint32_t x = 1;
    for (std::size_t i = 0; i < kPatternLength; ++i) {
      x = x * 1664525U + 1013904223U;
      text[i] = static_cast<char>(x >> 24U);
      text[i + kPatternLength] = text[i];
    }
    return text;
  }();
  return bytes;
}

/// What the stream has there.
inline std::string_view patternAt(std::size_t place, std::size_t length) {
  return std::string_view(patternTwice()).substr(place % kPatternLength, length);
}

}  // namespace tern::testing
