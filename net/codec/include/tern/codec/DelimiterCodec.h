// DelimiterCodec: frames that end with a delimiter, on TCP connections.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tern/base/Clock.h"
#include "tern/codec/DelimiterDecoder.h"
#include "tern/codec/FrameCallbacks.h"

namespace tern {

/// How the two ends have agreed to frame: an immutable value, copied freely, used by any number of
/// connections on any threads. For lines there is LineCodec.
class DelimiterCodec {
 public:
  static constexpr std::size_t kDefaultMaxLength = std::size_t{64} * 1024;

  /// `delimiter`: any bytes, at least one; throws std::invalid_argument when empty. `maxLength`: of
  /// a frame without it, in both directions. A peer can make a connection hold that much.
  explicit DelimiterCodec(const std::string& delimiter, std::size_t maxLength = kDefaultMaxLength);

  /// For setMessageCallback() of a server, a client or a connection, which it outlives. Without an
  /// error callback a line is logged. With a delay of zero a connection with a frame too long is
  /// closed at once, and what was not sent yet is lost. Throws std::invalid_argument when the frame
  /// callback is empty.
  ///
  /// A connection on which a frame arrived in parts has this as a message callback of its own from
  /// then on.
  ///
  /// At the end of file a frame that is not complete is no frame, and no error: in the connection
  /// callback its bytes are still in the connection's inputBuffer().
  [[nodiscard]] MessageCallback onMessage(FrameCallback onFrame, FrameErrorCallback onError = {},
                                          Delay closeDelay = kFrameErrorCloseDelay) const;

  /// Sends a frame and the delimiter; frames of several threads do not mix. Any thread. Throws, and
  /// sends nothing: std::length_error when the frame is longer than maxLength(), and
  /// std::invalid_argument when it contains the delimiter, or makes one with that behind it. Like
  /// TcpConnection::send(), a view is copied at most once, and a large string moved.
  void send(const TcpConnectionPtr& connection, std::string_view frame) const;
  void send(const TcpConnectionPtr& connection, std::string&& frame) const;
  void send(const TcpConnectionPtr& connection, const char* text) const {
    send(connection, std::string_view(text));
  }

  /// The frame as it is sent: made once, and shared, for many connections. Throws as send() does.
  [[nodiscard]] std::string encode(std::string_view frame) const;

  [[nodiscard]] std::size_t maxLength() const noexcept { return decoder_->maxLength(); }

 protected:
  /// `sent` is what frames that are sent end with; the decoder has to take it for one end.
  DelimiterCodec(DelimiterDecoder decoder, std::string sent);

 private:
  void requireEncodable(std::string_view frame) const;

  std::shared_ptr<const DelimiterDecoder> decoder_;
  std::shared_ptr<const std::string> end_;
};

}  // namespace tern
