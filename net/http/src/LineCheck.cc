// LineCheck: one pass over the bytes, wherever they are split.
#include "LineCheck.h"

#include "Octets.h"

namespace tern::http {

LineCheck::Result LineCheck::feed(std::string_view bytes, bool stopAtEmptyLine) {
  const std::size_t before = consumed_;
  std::size_t at = 0;
  const auto malformed = [&] {
    consumed_ = before + at;
    return Result::kMalformed;
  };
  while (at < bytes.size()) {
    if (afterCr_) {
      if (bytes[at] != '\n') return malformed();
      consumed_ = before + ++at;
      if (endLine() && stopAtEmptyLine) return Result::kEmptyLine;
      continue;
    }
    // Nearly all bytes: a loop of their own.
    const std::size_t text = at;
    while (at < bytes.size() && isOctet(bytes[at], octet::kText)) ++at;
    if (at > text) {
      // Folding: a line that goes on in the next.
      if (lineIsEmpty_ && isBlank(bytes[text])) {
        at = text;
        return malformed();
      }
      lineIsEmpty_ = false;
    } else if (bytes[at] == '\r') {
      afterCr_ = true;
      ++at;
    } else {
      return malformed();
    }
  }
  consumed_ = before + bytes.size();
  return Result::kGood;
}

// True when the line that ends is empty.
bool LineCheck::endLine() noexcept {
  afterCr_ = false;
  if (lineIsEmpty_) return true;
  lineIsEmpty_ = true;
  if (++lines_ == 1) firstLine_ = consumed_;
  return false;
}

}  // namespace tern::http
