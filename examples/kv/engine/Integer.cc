// Integer: from_chars and to_chars, with what Redis does not accept turned away.
#include "Integer.h"

#include <charconv>
#include <system_error>

namespace tern::kv {

std::optional<std::int64_t> parseInteger(std::string_view text) noexcept {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

Decimal::Decimal(std::int64_t value) noexcept
    : length_(static_cast<std::size_t>(
          std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
          digits_.data())) {}

}  // namespace tern::kv
