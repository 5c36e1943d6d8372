// LengthPrefixCodec: prefix and payload leave as one piece.
#include "tern/codec/LengthPrefixCodec.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "FrameReader.h"
#include "FrameSending.h"

namespace tern {
namespace {

constexpr std::size_t kMostPrefixBytes = 8;

}  // namespace

MessageCallback LengthPrefixCodec::onMessage(FrameCallback onFrame, FrameErrorCallback onError,
                                             Delay closeDelay) const {
  return readFrames(decoder_, std::move(onFrame), std::move(onError), closeDelay);
}

void LengthPrefixCodec::requireEncodable(std::size_t length) const {
  if (length > maxLength()) throwFrameTooLong(length, maxLength());
}

void LengthPrefixCodec::send(const TcpConnectionPtr& connection, std::string_view frame) const {
  requireEncodable(frame.size());
  const std::size_t prefixBytes = decoder_.prefixBytes();
  if (frame.size() > kSmallFrame && onLoopThreadOf(*connection)) {
    std::array<char, kMostPrefixBytes> prefix{};
    decoder_.writePrefix(frame.size(), prefix.data());
    connection->send(std::string_view(prefix.data(), prefixBytes));
    connection->send(frame);
  } else if (frame.size() > kSmallFrame) {
    connection->send(encode(frame));
  } else {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): filled below as far as it is sent
    std::array<char, kMostPrefixBytes + kSmallFrame> piece;
    decoder_.writePrefix(frame.size(), piece.data());
    if (!frame.empty()) std::memcpy(piece.data() + prefixBytes, frame.data(), frame.size());
    connection->send(std::string_view(piece.data(), prefixBytes + frame.size()));
  }
}

void LengthPrefixCodec::send(const TcpConnectionPtr& connection, std::string&& frame) const {
  requireEncodable(frame.size());
  std::array<char, kMostPrefixBytes> bytes{};
  decoder_.writePrefix(frame.size(), bytes.data());
  const std::string_view prefix(bytes.data(), decoder_.prefixBytes());
  if (onLoopThreadOf(*connection)) {
    connection->send(prefix);
    connection->send(std::move(frame));
  } else {
    // As one: what another thread sends may come between two.
    frame.insert(0, prefix);
    connection->send(std::move(frame));
  }
}

std::string LengthPrefixCodec::encode(std::string_view frame) const {
  requireEncodable(frame.size());
  std::string piece;
  piece.reserve(decoder_.prefixBytes() + frame.size());
  piece.resize(decoder_.prefixBytes());
  decoder_.writePrefix(frame.size(), piece.data());
  piece += frame;
  return piece;
}

}  // namespace tern
