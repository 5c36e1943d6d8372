// OutgoingFrame: a frame under construction: the payload is written in place, then the header.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tern/codec/LengthPrefixCodec.h"
#include "tern/rpc/Frame.h"

namespace google::protobuf {
class MessageLite;
}

namespace tern::rpc {

/// Small ones lie on the stack.
class OutgoingFrame {
 public:
  /// With room for the payload, which must be written before seal().
  OutgoingFrame(std::string_view method, std::size_t payloadSize);
  /// A failure, sealed.
  OutgoingFrame(std::uint64_t call, Error error, std::string_view text);
  OutgoingFrame(const OutgoingFrame&) = delete;
  OutgoingFrame& operator=(const OutgoingFrame&) = delete;

  [[nodiscard]] char* payload() noexcept { return data() + payloadAt_; }
  /// ByteSizeLong() must have been called for the payload's size.
  void serialize(const google::protobuf::MessageLite& message);

  /// Writes the header, and so the checksum.
  void seal(FrameType type, std::uint64_t call, std::uint32_t timeout = 0, Error error = {});

  /// Any thread. It is used up.
  void send(const LengthPrefixCodec& codec, const TcpConnectionPtr& connection);
  [[nodiscard]] std::string take();
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  [[nodiscard]] char* data() noexcept { return large_.empty() ? small_.data() : large_.data(); }

  static constexpr std::size_t kSmall = 1024;

  std::size_t size_;
  std::size_t payloadAt_;
  std::uint16_t nameLength_;
  std::string large_;
  std::array<char, kSmall> small_;
};

/// Of a request that was taken: another timeout, and the checksum for it.
void setTimeout(std::string& request, std::uint32_t timeout);

}  // namespace tern::rpc
