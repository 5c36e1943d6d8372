// LengthPrefixCodec: frames that begin with their length, on TCP connections.
#pragma once

#include <bit>
#include <cstddef>
#include <string>
#include <string_view>

#include "tern/base/Clock.h"
#include "tern/codec/FrameCallbacks.h"
#include "tern/codec/LengthPrefixDecoder.h"

namespace tern {

/// How the two ends have agreed to frame: an immutable value, copied freely, used by any number of
/// connections on any threads.
///
///     const LengthPrefixCodec codec;
///     server.setMessageCallback(codec.onMessage([codec](auto& connection, auto frame, auto) {
///       codec.send(connection, frame);
///     }));
class LengthPrefixCodec {
 public:
  struct Options {
    PrefixSize prefix = PrefixSize::k4;
    std::endian order = std::endian::big;
    /// Of a frame's payload, in both directions. A peer can make a connection hold that much.
    std::size_t maxLength = std::size_t{1} << 20U;
  };

  LengthPrefixCodec() noexcept : LengthPrefixCodec(Options()) {}
  explicit LengthPrefixCodec(Options options) noexcept
      : decoder_(options.prefix, options.order, options.maxLength) {}

  /// For setMessageCallback() of a server, a client or a connection. It outlives the codec. Without
  /// an error callback a line is logged. With a delay of zero a connection with a broken frame is
  /// closed at once, and what was not sent yet is lost. Throws std::invalid_argument when the frame
  /// callback is empty.
  ///
  /// At the end of file a frame that is not complete is no frame, and no error: in the connection
  /// callback its bytes are still in the connection's inputBuffer().
  [[nodiscard]] MessageCallback onMessage(FrameCallback onFrame, FrameErrorCallback onError = {},
                                          Delay closeDelay = kFrameErrorCloseDelay) const;

  /// Sends a frame; frames of several threads do not mix. Any thread. Throws std::length_error, and
  /// sends nothing, when it is longer than maxLength(). Like TcpConnection::send(), a view is
  /// copied once, and a large string moved; but from another thread its bytes are moved once more.
  void send(const TcpConnectionPtr& connection, std::string_view frame) const;
  void send(const TcpConnectionPtr& connection, std::string&& frame) const;
  void send(const TcpConnectionPtr& connection, const char* text) const {
    send(connection, std::string_view(text));
  }

  /// The frame as it is sent: made once, and shared, for many connections. Throws as send() does.
  [[nodiscard]] std::string encode(std::string_view frame) const;

  /// The smaller of what the options allow and the prefix can express.
  [[nodiscard]] std::size_t maxLength() const noexcept { return decoder_.maxLength(); }

 private:
  void requireEncodable(std::size_t length) const;

  LengthPrefixDecoder decoder_;
};

}  // namespace tern
