// DecoderFeed: a decoder on a Buffer that is fed in pieces, as a connection would, without one.
#pragma once

#include <tern/base/Buffer.h>
#include <tern/codec/DecodedFrame.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Splits.h"

namespace tern::testing {

template <class Decoder>
class DecoderFeed {
 public:
  explicit DecoderFeed(Decoder decoder) : decoder_(std::move(decoder)) {}

  void feed(std::string_view piece) {
    if (failed_) return;
    buffer_.append(piece);
    for (;;) {
      const DecodedFrame frame = decoder_.decode(buffer_.view(), state_);
      if (frame.status == DecodedFrame::Status::kIncomplete) return;
      if (frame.status == DecodedFrame::Status::kTooLong) {
        failed_ = true;
        events_.emplace_back("too long");
        return;
      }
      events_.push_back("frame " + std::string(frame.payload));
      buffer_.retrieve(frame.consumed);
    }
  }

  /// What happened, and last what is unread.
  [[nodiscard]] std::vector<std::string> outcome() const {
    std::vector<std::string> all = events_;
    if (!failed_) all.push_back("unread " + std::string(buffer_.view()));
    return all;
  }

 private:
  const Decoder decoder_;
  typename Decoder::State state_;
  Buffer buffer_;
  std::vector<std::string> events_;
  bool failed_ = false;
};

template <class Decoder>
std::vector<std::string> outcomeOf(const Decoder& decoder, const Pieces& pieces) {
  DecoderFeed<Decoder> feed(decoder);
  for (const std::string_view piece : pieces) feed.feed(piece);
  return feed.outcome();
}

}  // namespace tern::testing
