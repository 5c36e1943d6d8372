// Integer: numbers as Redis writes and accepts them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tern::kv {

/// The number that the text is, if it is the only way to write it: no "+1", "01", "-0" or spaces.
[[nodiscard]] std::optional<std::int64_t> parseInteger(std::string_view text) noexcept;

/// A number as text, without the heap.
class Decimal {
 public:
  explicit Decimal(std::int64_t value) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {digits_.data(), length_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t length_;
};

}  // namespace tern::kv
