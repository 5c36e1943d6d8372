// Reply: writes the replies of the Redis protocol (RESP2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::kv {

/// Appends to a string that others send. A reply that would grow it beyond kMost is cut off and
/// marked, since it must not be sent.
class Reply {
 public:
  static constexpr std::size_t kMost = std::size_t{1} << 30U;

  explicit Reply(std::string& out) noexcept : out_(out) {}

  /// "+OK": a word of ours.
  void status(std::string_view word);
  void ok() { append("+OK\r\n"); }
  /// "-ERR ...": a code word and a sentence. Line ends in it become spaces.
  void error(std::string_view text);
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  /// No value.
  void null() { append("$-1\r\n"); }
  void nullArray() { append("*-1\r\n"); }
  /// Followed by that many replies.
  void array(std::size_t count);

  [[nodiscard]] bool tooLong() const noexcept { return tooLong_; }

 private:
  void append(std::string_view bytes) { out_.append(bytes); }
  void header(char kind, std::int64_t number);

  std::string& out_;
  bool tooLong_ = false;
};

}  // namespace tern::kv
