// LineCodec: lines of text on TCP connections.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tern/codec/DelimiterCodec.h"

namespace tern {

/// Lines that end with LF, with or without one CR before it; neither is part of the frame. All
/// else is a DelimiterCodec's.
///
///     const LineCodec codec;
///     server.setMessageCallback(codec.onMessage([codec](auto& connection, auto line, auto) {
///       codec.send(connection, line);
///     }));
class LineCodec : public DelimiterCodec {
 public:
  /// What lines that are sent end with. With kLf, a line can't end with a CR of its own.
  enum class Ending : std::uint8_t { kLf, kCrLf };

  explicit LineCodec(std::size_t maxLength = kDefaultMaxLength, Ending ending = Ending::kLf);
};

}  // namespace tern
