// Reply: a header by hand, then the bytes.
#include "Reply.h"

#include <algorithm>

#include "Integer.h"

namespace tern::kv {
namespace {

constexpr std::size_t kFraming = 32;  // more than a header and a line end need

}  // namespace

void Reply::status(std::string_view word) {
  append("+");
  append(word);
  append("\r\n");
}

void Reply::error(std::string_view text) {
  append("-");
  const std::size_t start = out_.size();
  append(text);
  const auto isLineEnd = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(out_.begin() + static_cast<std::ptrdiff_t>(start), out_.end(), isLineEnd, ' ');
  append("\r\n");
}

void Reply::integer(std::int64_t value) { header(':', value); }

void Reply::bulk(std::string_view bytes) {
  const std::size_t needed = out_.size() + bytes.size() + kFraming;
  if (needed > kMost) tooLong_ = true;
  if (tooLong_) return;
  // Not to the last byte: many small ones shall not each reallocate.
  if (needed > out_.capacity()) out_.reserve(std::max(needed, out_.capacity() * 2));
  header('$', static_cast<std::int64_t>(bytes.size()));
  append(bytes);
  append("\r\n");
}

void Reply::array(std::size_t count) { header('*', static_cast<std::int64_t>(count)); }

void Reply::header(char kind, std::int64_t number) {
  const Decimal digits(number);
  out_.push_back(kind);
  append(digits.view());
  append("\r\n");
}

}  // namespace tern::kv
