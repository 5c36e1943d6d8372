// RespParser: cuts a stream of bytes into Redis commands, piece by piece and without copying them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::kv {

/// Understands arrays of bulk strings ("*1\r\n$4\r\nPING\r\n") and inline commands ("PING\r\n").
/// What it has seen of an unfinished command it does not look at again, so the time that a command
/// takes grows with its length, however many pieces it comes in. One connection's; one thread at a
/// time.
class RespParser {
 public:
  struct Limits {
    std::size_t bulkLength = std::size_t{512} << 20U;   ///< of one argument, in bytes
    std::size_t bulkCount = std::size_t{1} << 20U;      ///< arguments
    std::size_t lineLength = std::size_t{64} << 10U;    ///< of an inline command, or of a length
    std::size_t commandLength = std::size_t{1} << 30U;  ///< the whole; below 4 GiB
  };
  enum class Status : unsigned char { kIncomplete, kCommand, kError };

  explicit RespParser(const Limits& limits) noexcept : limits_(&limits) {}
  /// The limits must live longer than the parser.
  explicit RespParser(Limits&&) = delete;

  /// `input` begins where the last command ended, and is what it was in the last call with more
  /// behind it; where it lies may have changed. After kCommand, length() bytes are done with. After
  /// kError the stream can't be understood any more.
  Status parse(std::string_view input);

  /// After kCommand: its arguments, the command's name first; none for an empty command. Those of
  /// an inline command with quotes lie in the parser, all others in `input`. Replaces what is
  /// there.
  void arguments(std::string_view input, std::vector<std::string_view>& into) const;
  [[nodiscard]] std::size_t length() const noexcept { return position_; }
  /// After kError: what is wrong, in Redis's words.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  struct Piece {
    std::uint32_t offset;
    std::uint32_t length;
  };
  enum class State : unsigned char { kStart, kCount, kLength, kBulk, kInline, kDone };

  void begin();
  Status parseArray(std::string_view input);
  bool readCount(std::string_view input);
  bool readLength(std::string_view input);
  bool readBulk(std::string_view input);
  std::optional<std::string_view> takeLine(std::string_view input, const char* tooBig);
  Status parseInline(std::string_view input);
  bool split(std::string_view line);
  bool splitQuoted(std::string_view rest);
  Status fail(std::string error);

  const Limits* limits_;
  State state_ = State::kStart;
  std::size_t position_ = 0;  // everything before it is understood
  std::size_t scanned_ = 0;   // there is no line end before it
  std::size_t missing_ = 0;   // bulk strings to come
  std::size_t bulk_ = 0;      // the length of the current one
  std::vector<Piece> pieces_;
  std::string unquoted_;  // where the pieces lie, if not in the input
  bool quoted_ = false;
  std::string error_;
};

}  // namespace tern::kv
