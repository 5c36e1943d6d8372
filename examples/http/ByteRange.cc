// ByteRange: RFC 9110, 14.1.2, without lists of ranges.
#include "ByteRange.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tern::examples {
namespace {

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

ByteRange partOf(std::uint64_t begin, std::uint64_t length) {
  return {length > 0 ? ByteRange::Kind::kPart : ByteRange::Kind::kUnsatisfiable, begin, length};
}

}  // namespace

ByteRange parseRange(std::string_view header, std::uint64_t size) {
  const ByteRange whole{ByteRange::Kind::kWhole, 0, size};
  constexpr std::string_view kUnit = "bytes=";
  const std::size_t dash = header.find('-');
  if (!header.starts_with(kUnit) || dash == std::string_view::npos) return whole;
  const std::string_view first = header.substr(kUnit.size(), dash - kUnit.size());
  const std::string_view last = header.substr(dash + 1);
  if (first.empty()) {
    const auto suffix = number(last);
    if (!suffix) return whole;
    const std::uint64_t length = std::min(*suffix, size);
    return partOf(size - length, length);
  }
  const auto begin = number(first);
  const auto end = last.empty() ? std::optional(UINT64_MAX) : number(last);
  if (!begin || !end || *end < *begin) return whole;
  if (*begin >= size) return partOf(0, 0);
  return partOf(*begin, std::min(*end, size - 1) - *begin + 1);
}

}  // namespace tern::examples
