// LineCheck: one pass over the bytes, wherever they are split.
#include "LineCheck.h"

#include "Octets.h"

namespace tern::http {

LineCheck::Result LineCheck::feed(std::string_view bytes, bool stopAtEmptyLine) {
  for (const char c : bytes) {
    ++consumed_;
    if (afterCr_) {
      if (c != '\n') return Result::kMalformed;
      if (endLine() && stopAtEmptyLine) return Result::kEmptyLine;
    } else if (isOctet(c, octet::kText)) {
      // Folding: a line that goes on in the next.
      if (lineIsEmpty_ && isBlank(c)) return Result::kMalformed;
      lineIsEmpty_ = false;
    } else if (c == '\r') {
      afterCr_ = true;
    } else {
      return Result::kMalformed;
    }
  }
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
