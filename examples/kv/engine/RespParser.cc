// RespParser: a state machine that remembers offsets, since the input may move between calls.
#include "RespParser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "Integer.h"

namespace tern::kv {
namespace {

constexpr std::size_t kKeptPieces = 1024;

bool isSpace(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads what stands between quotes: `rest` begins behind the first, and afterwards behind the last.
class Quoted {
 public:
  Quoted(std::string_view& rest, char quote, std::string& out)
      : rest_(rest), quote_(quote), out_(out) {}

  // False when the closing quote is missing, or is not the argument's end.
  bool read() {
    while (!rest_.empty() && rest_.front() != quote_) readOne();
    if (rest_.empty()) return false;
    rest_.remove_prefix(1);
    return rest_.empty() || isSpace(rest_.front());
  }

 private:
  void readOne() {
    if (rest_.front() != '\\' || rest_.size() == 1) {
      take(rest_.front(), 1);
    } else if (quote_ == '\'') {
      const bool escaped = rest_[1] == '\'';
      take(escaped ? '\'' : '\\', escaped ? 2 : 1);
    } else if (rest_.size() >= 4 && rest_[1] == 'x' && hexValue(rest_[2]) >= 0 &&
               hexValue(rest_[3]) >= 0) {
      take(static_cast<char>(hexValue(rest_[2]) * 16 + hexValue(rest_[3])), 4);
    } else {
      take(unescaped(rest_[1]), 2);
    }
  }

  void take(char c, std::size_t length) {
    out_.push_back(c);
    rest_.remove_prefix(length);
  }

  static char unescaped(char c) noexcept {
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'b':
        return '\b';
      case 'a':
        return '\a';
      default:
        return c;
    }
  }

  std::string_view& rest_;
  const char quote_;
  std::string& out_;
};

}  // namespace

RespParser::Status RespParser::parse(std::string_view input) {
  if (state_ == State::kDone) begin();
  if (state_ == State::kStart) {
    if (input.empty()) return Status::kIncomplete;
    state_ = input.front() == '*' ? State::kCount : State::kInline;
  }
  return state_ == State::kInline ? parseInline(input) : parseArray(input);
}

void RespParser::begin() {
  state_ = State::kStart;
  position_ = scanned_ = 0;
  pieces_.clear();
  if (pieces_.capacity() > kKeptPieces) pieces_.shrink_to_fit();
  if (quoted_) {
    quoted_ = false;
    std::string().swap(unquoted_);
  }
}

RespParser::Status RespParser::parseArray(std::string_view input) {
  bool more = true;
  while (more && state_ != State::kDone) {
    if (state_ == State::kBulk) {
      more = readBulk(input);
    } else {
      more = state_ == State::kCount ? readCount(input) : readLength(input);
    }
  }
  if (!error_.empty()) return Status::kError;
  return state_ == State::kDone ? Status::kCommand : Status::kIncomplete;
}

bool RespParser::readCount(std::string_view input) {
  const auto line = takeLine(input, "too big mbulk count string");
  if (!line) return false;
  const auto count = parseInteger(line->substr(1));
  if (!count || *count > static_cast<std::int64_t>(limits_->bulkCount)) {
    fail("invalid multibulk length");
    return false;
  }
  missing_ = static_cast<std::size_t>(std::max<std::int64_t>(*count, 0));
  state_ = missing_ == 0 ? State::kDone : State::kLength;
  return true;
}

bool RespParser::readLength(std::string_view input) {
  const auto line = takeLine(input, "too big bulk count string");
  if (!line) return false;
  // An empty line's first byte is its end.
  const char kind = line->empty() ? '\r' : line->front();
  if (kind != '$') {
    fail(std::string("expected '$', got '") + kind + '\'');
    return false;
  }
  const auto length = parseInteger(line->substr(1));
  if (!length || *length < 0 || *length > static_cast<std::int64_t>(limits_->bulkLength)) {
    fail("invalid bulk length");
    return false;
  }
  bulk_ = static_cast<std::size_t>(*length);
  if (position_ + bulk_ + 2 > limits_->commandLength) {
    fail("too big command");
    return false;
  }
  state_ = State::kBulk;
  return true;
}

bool RespParser::readBulk(std::string_view input) {
  if (input.size() - position_ < bulk_ + 2) return false;
  pieces_.push_back({static_cast<std::uint32_t>(position_), static_cast<std::uint32_t>(bulk_)});
  // Two bytes end it; which ones Redis does not look at.
  position_ += bulk_ + 2;
  scanned_ = position_;
  state_ = --missing_ == 0 ? State::kDone : State::kLength;
  return true;
}

// The line that begins at position_, without the "\r\n", or nothing: incomplete, or an error.
std::optional<std::string_view> RespParser::takeLine(std::string_view input, const char* tooBig) {
  const std::size_t length = std::min(input.size(), position_ + limits_->lineLength + 1) - scanned_;
  const void* const found =
      length == 0 ? nullptr : std::memchr(input.data() + scanned_, '\r', length);
  if (found == nullptr) {
    scanned_ += length;
    if (scanned_ - position_ > limits_->lineLength) fail(tooBig);
    return std::nullopt;
  }
  const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
  if (end + 2 > input.size()) {
    scanned_ = end;
    return std::nullopt;
  }
  const std::string_view line = input.substr(position_, end - position_);
  position_ = scanned_ = end + 2;
  return line;
}

RespParser::Status RespParser::parseInline(std::string_view input) {
  const std::string_view searched = input.substr(0, limits_->lineLength + 1);
  const std::size_t end = searched.find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = searched.size();
    if (scanned_ > limits_->lineLength) return fail("too big inline request");
    return Status::kIncomplete;
  }
  std::string_view line = input.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  quoted_ = line.find_first_of("\"'") != std::string_view::npos;
  if (!(quoted_ ? splitQuoted(line) : split(line))) return fail("unbalanced quotes in request");
  position_ = end + 1;
  state_ = State::kDone;
  return Status::kCommand;
}

bool RespParser::split(std::string_view line) {
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && isSpace(line[at])) ++at;
    if (at == line.size()) return true;
    const std::size_t start = at;
    while (at < line.size() && !isSpace(line[at])) ++at;
    pieces_.push_back({static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(at - start)});
  }
}

bool RespParser::splitQuoted(std::string_view rest) {
  unquoted_.reserve(rest.size());
  while (true) {
    while (!rest.empty() && isSpace(rest.front())) rest.remove_prefix(1);
    if (rest.empty()) return true;
    const std::size_t start = unquoted_.size();
    while (!rest.empty() && !isSpace(rest.front())) {
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c != '"' && c != '\'') {
        unquoted_.push_back(c);
      } else if (!Quoted(rest, c, unquoted_).read()) {
        return false;
      }
    }
    pieces_.push_back(
        {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(unquoted_.size() - start)});
  }
}

void RespParser::arguments(std::string_view input, std::vector<std::string_view>& into) const {
  const char* const base = quoted_ ? unquoted_.data() : input.data();
  into.clear();
  for (const Piece& piece : pieces_) into.emplace_back(base + piece.offset, piece.length);
}

RespParser::Status RespParser::fail(std::string error) {
  error_ = "Protocol error: " + std::move(error);
  return Status::kError;
}

}  // namespace tern::kv
