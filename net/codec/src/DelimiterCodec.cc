// DelimiterCodec: frame and delimiter leave as one piece.
#include "tern/codec/DelimiterCodec.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "FrameReader.h"
#include "FrameSending.h"

namespace tern {
namespace {

/// A decoder that the readers of all connections, and their codec, share.
class SharedDecoder {
 public:
  using State = DelimiterDecoder::State;

  explicit SharedDecoder(std::shared_ptr<const DelimiterDecoder> decoder)
      : decoder_(std::move(decoder)) {}

  [[nodiscard]] DecodedFrame decode(std::string_view bytes, State& state) const noexcept {
    return decoder_->decode(bytes, state);
  }

 private:
  std::shared_ptr<const DelimiterDecoder> decoder_;
};

}  // namespace

DelimiterCodec::DelimiterCodec(const std::string& delimiter, std::size_t maxLength)
    : DelimiterCodec(DelimiterDecoder(delimiter, maxLength), delimiter) {}

DelimiterCodec::DelimiterCodec(DelimiterDecoder decoder, std::string sent)
    : decoder_(std::make_shared<const DelimiterDecoder>(std::move(decoder))),
      end_(std::make_shared<const std::string>(std::move(sent))) {}

MessageCallback DelimiterCodec::onMessage(FrameCallback onFrame, FrameErrorCallback onError,
                                          Delay closeDelay) const {
  return readFrames(SharedDecoder(decoder_), std::move(onFrame), std::move(onError), closeDelay);
}

void DelimiterCodec::requireEncodable(std::string_view frame) const {
  if (frame.size() > maxLength()) throwFrameTooLong(frame.size(), maxLength());
  if (!decoder_->separates(frame, *end_)) {
    throw std::invalid_argument("a frame can't be sent: its reader would find its end elsewhere");
  }
}

void DelimiterCodec::send(const TcpConnectionPtr& connection, std::string_view frame) const {
  requireEncodable(frame);
  const std::size_t length = frame.size() + end_->size();
  if (length <= kSmallFrame) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): filled below as far as it is sent
    std::array<char, kSmallFrame> piece;
    if (!frame.empty()) std::memcpy(piece.data(), frame.data(), frame.size());
    std::memcpy(piece.data() + frame.size(), end_->data(), end_->size());
    connection->send(std::string_view(piece.data(), length));
  } else if (onLoopThreadOf(*connection)) {
    connection->send(frame);
    connection->send(std::string_view(*end_));
  } else {
    std::string piece;
    piece.reserve(length);
    piece.append(frame).append(*end_);
    connection->send(std::move(piece));
  }
}

void DelimiterCodec::send(const TcpConnectionPtr& connection, std::string&& frame) const {
  requireEncodable(frame);
  if (onLoopThreadOf(*connection)) {
    connection->send(std::move(frame));
    connection->send(std::string_view(*end_));
  } else {
    // As one: what another thread sends may come between two.
    frame += *end_;
    connection->send(std::move(frame));
  }
}

std::string DelimiterCodec::encode(std::string_view frame) const {
  requireEncodable(frame);
  std::string piece;
  piece.reserve(frame.size() + end_->size());
  piece.append(frame).append(*end_);
  return piece;
}

}  // namespace tern
