// LineCheck: that lines end with CRLF, are not folded, and hold no control characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace tern::http {

/// Looks at the raw bytes of heads, of the lines between chunks, and of trailers. A parser that
/// forgives a lone LF, a folded line or a NUL disagrees with one in front of it that does not, and
/// what two parsers read differently can smuggle a request past one of them.
class LineCheck {
 public:
  enum class Result : unsigned char { kGood, kMalformed, kEmptyLine };

  /// Looks at more bytes. With `stopAtEmptyLine`, an empty line ends it: consumed() tells where.
  Result feed(std::string_view bytes, bool stopAtEmptyLine);

  /// Bytes looked at since reset(), with the empty line; without what is malformed.
  [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }
  /// Lines ended, without the empty one.
  [[nodiscard]] std::size_t lines() const noexcept { return lines_; }
  /// consumed() when the first line ended, or 0.
  [[nodiscard]] std::size_t firstLine() const noexcept { return firstLine_; }
  void reset() noexcept { *this = LineCheck(); }

 private:
  bool endLine() noexcept;

  std::size_t consumed_ = 0;
  std::size_t lines_ = 0;
  std::size_t firstLine_ = 0;
  bool afterCr_ = false;
  bool lineIsEmpty_ = true;
};

}  // namespace tern::http
