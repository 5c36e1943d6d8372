// Frame: what a channel and a server say to each other, byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tern/rpc/Error.h"

namespace tern::rpc {

/// Client to server: kRequest, kCancel. Server to client: kReply, kFailure.
enum class FrameType : std::uint8_t { kRequest = 1, kReply = 2, kFailure = 3, kCancel = 4 };

/// On the wire each frame is preceded by its length in four bytes (LengthPrefixCodec); all numbers
/// are in network byte order:
///
///   bytes  0-3   CRC-32 (zlib's crc32) of all that follows
///          4     type
///          5     failure: the Error's number; else 0
///          6-7   request: length of the method's name; else 0
///          8-15  call: chosen by the client, not 0, not used by another call that is in flight
///         16-19  request: milliseconds until the client gives up, or 0 for never; else 0
///         20-    the method's full name ("package.Service.Method"), and behind it the payload:
///                of a request or a reply the serialized message, of a failure a text in UTF-8,
///                of a cancel nothing
///
/// A failure of call 0 concerns the whole connection, which ends behind it. An Error's number that
/// is not known counts as kServerFailure. A fixed header, and not a message around a message: the
/// payload is parsed where it was received, and a call costs no message but its own.
struct Frame {
  FrameType type = FrameType::kRequest;
  Error error{};
  std::uint64_t call = 0;
  std::uint32_t timeout = 0;
  std::string_view method;
  std::string_view payload;
};

inline constexpr std::size_t kFrameHeader = 20;

/// Finds the parts of a frame, without its length, inside the bytes given; nothing when the
/// checksum or any field is wrong.
[[nodiscard]] std::optional<Frame> decodeFrame(std::string_view bytes) noexcept;

/// The frame without its length. The method's name must be shorter than 64 KiB.
[[nodiscard]] std::string encodeFrame(const Frame& frame);

}  // namespace tern::rpc
