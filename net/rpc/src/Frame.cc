// Frame: reading and writing the header.
#include "tern/rpc/Frame.h"

#include <google/protobuf/message_lite.h>
#include <zlib.h>

#include <cstring>
#include <utility>

#include "OutgoingFrame.h"

namespace tern::rpc {
namespace {

constexpr std::size_t kChecksumAt = 0;
constexpr std::size_t kTypeAt = 4;
constexpr std::size_t kErrorAt = 5;
constexpr std::size_t kNameLengthAt = 6;
constexpr std::size_t kCallAt = 8;
constexpr std::size_t kTimeoutAt = 16;

template <class Int>
Int load(const char* from) noexcept {
  Int value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Int>((std::uint64_t{value} << 8U) | static_cast<unsigned char>(from[i]));
  }
  return value;
}

template <class Int>
void store(Int value, char* to) noexcept {
  for (std::size_t i = sizeof value; i > 0; --i) {
    to[i - 1] = static_cast<char>(value);
    value = static_cast<Int>(std::uint64_t{value} >> 8U);
  }
}

std::uint32_t checksumOf(const char* frame, std::size_t size) noexcept {
  const void* bytes = frame + kTypeAt;
  return static_cast<std::uint32_t>(::crc32_z(0, static_cast<const Bytef*>(bytes), size - kTypeAt));
}

Error errorOf(std::uint8_t number) noexcept {
  const bool known = number <= static_cast<std::uint8_t>(Error::kClosed);
  return known ? static_cast<Error>(number) : Error::kServerFailure;
}

// What is 0 in frames of other types leaves no room for two ways to say one thing.
bool consistent(const Frame& frame) noexcept {
  const bool isRequest = frame.type == FrameType::kRequest;
  const bool isFailure = frame.type == FrameType::kFailure;
  return (frame.error != Error{}) == isFailure && frame.method.empty() != isRequest &&
         (isRequest || frame.timeout == 0) && (isFailure || frame.call != 0) &&
         (frame.type != FrameType::kCancel || frame.payload.empty());
}

}  // namespace

std::optional<Frame> decodeFrame(std::string_view bytes) noexcept {
  if (bytes.size() < kFrameHeader) return std::nullopt;
  const char* data = bytes.data();
  if (load<std::uint32_t>(data + kChecksumAt) != checksumOf(data, bytes.size())) {
    return std::nullopt;
  }
  const auto type = load<std::uint8_t>(data + kTypeAt);
  const std::size_t nameLength = load<std::uint16_t>(data + kNameLengthAt);
  if (type < static_cast<std::uint8_t>(FrameType::kRequest) ||
      type > static_cast<std::uint8_t>(FrameType::kCancel) ||
      nameLength > bytes.size() - kFrameHeader) {
    return std::nullopt;
  }
  const Frame frame{
      static_cast<FrameType>(type),           errorOf(load<std::uint8_t>(data + kErrorAt)),
      load<std::uint64_t>(data + kCallAt),    load<std::uint32_t>(data + kTimeoutAt),
      bytes.substr(kFrameHeader, nameLength), bytes.substr(kFrameHeader + nameLength)};
  if (!consistent(frame)) return std::nullopt;
  return frame;
}

std::string encodeFrame(const Frame& frame) {
  OutgoingFrame out(frame.method, frame.payload.size());
  if (!frame.payload.empty()) {
    std::memcpy(out.payload(), frame.payload.data(), frame.payload.size());
  }
  out.seal(frame.type, frame.call, frame.timeout, frame.error);
  return out.take();
}

// The small block is filled as far as it is used.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
OutgoingFrame::OutgoingFrame(std::string_view method, std::size_t payloadSize)
    : size_(kFrameHeader + method.size() + payloadSize),
      payloadAt_(kFrameHeader + method.size()),
      nameLength_(static_cast<std::uint16_t>(method.size())) {
  if (size_ > kSmall) large_.resize(size_);
  if (!method.empty()) std::memcpy(data() + kFrameHeader, method.data(), method.size());
}

OutgoingFrame::OutgoingFrame(std::uint64_t call, Error error, std::string_view text)
    : OutgoingFrame(std::string_view(), text.size()) {
  if (!text.empty()) std::memcpy(payload(), text.data(), text.size());
  seal(FrameType::kFailure, call, 0, error);
}

void OutgoingFrame::serialize(const google::protobuf::MessageLite& message) {
  void* to = payload();
  message.SerializeWithCachedSizesToArray(static_cast<google::protobuf::uint8*>(to));
}

void OutgoingFrame::seal(FrameType type, std::uint64_t call, std::uint32_t timeout, Error error) {
  char* const out = data();
  store(static_cast<std::uint8_t>(type), out + kTypeAt);
  store(static_cast<std::uint8_t>(error), out + kErrorAt);
  store(nameLength_, out + kNameLengthAt);
  store(call, out + kCallAt);
  store(timeout, out + kTimeoutAt);
  store(checksumOf(out, size_), out + kChecksumAt);
}

void OutgoingFrame::send(const LengthPrefixCodec& codec, const TcpConnectionPtr& connection) {
  if (large_.empty()) {
    codec.send(connection, std::string_view(small_.data(), size_));
  } else {
    codec.send(connection, std::move(large_));
  }
}

std::string OutgoingFrame::take() {
  return large_.empty() ? std::string(small_.data(), size_) : std::move(large_);
}

void setTimeout(std::string& request, std::uint32_t timeout) {
  store(timeout, request.data() + kTimeoutAt);
  store(checksumOf(request.data(), request.size()), request.data() + kChecksumAt);
}

}  // namespace tern::rpc
