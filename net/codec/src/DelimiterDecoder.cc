// DelimiterDecoder: memchr() to the delimiter's first byte, and an automaton from there.
#include "tern/codec/DelimiterDecoder.h"

#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace tern {
namespace {

std::vector<std::size_t> fallbackOf(std::string_view delimiter) {
  std::vector<std::size_t> fallback(delimiter.size(), 0);
  std::size_t matched = 0;
  for (std::size_t i = 1; i < delimiter.size(); ++i) {
    while (matched > 0 && delimiter[i] != delimiter[matched]) matched = fallback[matched - 1];
    if (delimiter[i] == delimiter[matched]) ++matched;
    fallback[i] = matched;
  }
  return fallback;
}

std::size_t addSaturated(std::size_t one, std::size_t other) noexcept {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  return one > kMost - other ? kMost : one + other;
}

}  // namespace

DelimiterDecoder::DelimiterDecoder(std::string delimiter, std::size_t maxLength,
                                   CarriageReturn carriageReturn)
    : delimiter_(std::move(delimiter)),
      maxLength_(maxLength),
      maxSearched_(addSaturated(maxLength, delimiter_.size() + 1)),
      dropsCarriageReturn_(carriageReturn == CarriageReturn::kIsDropped),
      fallback_(fallbackOf(delimiter_)) {
  if (delimiter_.empty()) throw std::invalid_argument("a delimiter has at least one byte");
}

bool DelimiterDecoder::search(std::string_view bytes, State& state) const noexcept {
  const char* const end = bytes.data() + bytes.size();
  const char* next = bytes.data() + state.scanned;
  std::size_t matched = state.matched;
  while (next != end && matched < delimiter_.size()) {
    if (matched == 0) {
      const void* first = std::memchr(next, static_cast<unsigned char>(delimiter_[0]),
                                      static_cast<std::size_t>(end - next));
      matched = first == nullptr ? 0 : 1;
      next = first == nullptr ? end : static_cast<const char*>(first) + 1;
      continue;
    }
    while (matched > 0 && *next != delimiter_[matched]) matched = fallback_[matched - 1];
    // With nothing matched any more, this byte may still be the first: that is memchr's to find.
    if (matched == 0) continue;
    ++matched;
    ++next;
  }
  state = {static_cast<std::size_t>(next - bytes.data()), matched};
  return matched == delimiter_.size();
}

// Of what was scanned, all that can't be part of an end: the payload, or as much as there is of it.
std::size_t DelimiterDecoder::payloadLength(std::string_view bytes,
                                            const State& state) const noexcept {
  const std::size_t length = state.scanned - state.matched;
  const bool drops = dropsCarriageReturn_ && length > 0 && bytes[length - 1] == '\r';
  return drops ? length - 1 : length;
}

DecodedFrame DelimiterDecoder::decode(std::string_view bytes, State& state) const noexcept {
  if (state.scanned > bytes.size()) state = {};  // someone else has read from the buffer
  const bool found = search(bytes.substr(0, maxSearched_), state);
  const std::size_t length = payloadLength(bytes, state);
  if (length > maxLength_) {
    state = {};
    return {DecodedFrame::Status::kTooLong, {}, 0};
  }
  if (!found) return {};
  const std::size_t consumed = std::exchange(state, {}).scanned;
  return {DecodedFrame::Status::kComplete, bytes.substr(0, length), consumed};
}

bool DelimiterDecoder::separates(std::string_view frame, std::string_view end) const noexcept {
  State state;
  if (search(frame, state)) return false;
  const std::size_t before = state.scanned;
  State behind{0, state.matched};
  if (!search(end, behind) || behind.scanned < end.size()) return false;
  // What the reader drops must be the end's, not the frame's.
  const bool dropped =
      dropsCarriageReturn_ && end == delimiter_ && before > 0 && frame.back() == '\r';
  return !dropped;
}

}  // namespace tern
