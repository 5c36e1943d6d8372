// FrameReader: takes frames out of a connection's input buffer, and ends connections whose peer
// breaks the framing. The same for every decoder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tern/base/Buffer.h"
#include "tern/base/Clock.h"
#include "tern/codec/DecodedFrame.h"
#include "tern/codec/FrameCallbacks.h"
#include "tern/codec/FrameError.h"
#include "tern/net/TcpConnection.h"

namespace tern {

/// What a reader does beside decoding. Immutable, and used by all connections on all loops.
struct FrameHandling {
  /// Throws std::invalid_argument when there is no frame callback.
  FrameHandling(FrameCallback frame, FrameErrorCallback error, Delay delay);

  /// The end of a connection whose peer broke the framing.
  void fail(const TcpConnectionPtr& connection, Buffer* buffer, std::error_code reason) const;

  FrameCallback onFrame;
  FrameErrorCallback onError;
  Delay closeDelay;
};

/// Whether the connection goes on to the next frame of the batch, after a frame callback before
/// which it was, or was not, connected(). If not, deals with the bytes behind.
bool goesOnAfterFrame(const TcpConnectionPtr& connection, Buffer* buffer, bool wasConnected);

/// Shared by the connections that have it as their message callback. One that begins a frame which
/// does not end in the same batch gets, if the decoder keeps a state, a callback of its own with
/// it: only those that need a state cost one.
template <class Decoder>
class FrameReader {
 public:
  using State = typename Decoder::State;

  FrameReader(Decoder decoder, FrameHandling handling)
      : decoder_(std::move(decoder)), handling_(std::move(handling)) {}

  static MessageCallback callback(std::shared_ptr<const FrameReader> reader) {
    return [reader = std::move(reader)](const TcpConnectionPtr& connection, Buffer* buffer,
                                        Timestamp time) {
      State state;
      reader->read(connection, buffer, time, state);
      if constexpr (!std::is_empty_v<State>) {
        if (state.begun()) connection->setMessageCallback(callbackWith(reader, state));
      }
    };
  }

 private:
  // The state is shared by the copies of the callback: setting another callback of the connection
  // copies them all, and the one that runs may be the one replaced.
  static MessageCallback callbackWith(std::shared_ptr<const FrameReader> reader, State state) {
    struct Session {
      std::shared_ptr<const FrameReader> reader;
      State state;
    };
    auto session = std::make_shared<Session>(std::move(reader), state);
    return [session = std::move(session)](const TcpConnectionPtr& connection, Buffer* buffer,
                                          Timestamp time) {
      session->reader->read(connection, buffer, time, session->state);
    };
  }

  void read(const TcpConnectionPtr& connection, Buffer* buffer, Timestamp time,
            State& state) const {
    for (;;) {
      const DecodedFrame frame = decoder_.decode(buffer->view(), state);
      if (frame.status == DecodedFrame::Status::kIncomplete) return;
      if (frame.status == DecodedFrame::Status::kTooLong) {
        handling_.fail(connection, buffer, FrameError::kTooLong);
        return;
      }
      if (!deliver(connection, buffer, time, frame)) return;
    }
  }

  bool deliver(const TcpConnectionPtr& connection, Buffer* buffer, Timestamp time,
               const DecodedFrame& frame) const {
    const bool wasConnected = connection->connected();
    // After the call, which looks at it; and also if it throws. At most what is there: the buffer
    // is the user's, too.
    const auto consume = [&] {
      buffer->retrieve(std::min(frame.consumed, buffer->readableBytes()));
    };
    try {
      handling_.onFrame(connection, frame.payload, time);
    } catch (...) {
      consume();
      if (goesOnAfterFrame(connection, buffer, wasConnected)) connection->showInputAgain();
      throw;
    }
    consume();
    return goesOnAfterFrame(connection, buffer, wasConnected);
  }

  const Decoder decoder_;
  const FrameHandling handling_;
};

template <class Decoder>
MessageCallback readFrames(Decoder decoder, FrameCallback onFrame, FrameErrorCallback onError,
                           Delay closeDelay) {
  FrameHandling handling(std::move(onFrame), std::move(onError), closeDelay);
  return FrameReader<Decoder>::callback(
      std::make_shared<const FrameReader<Decoder>>(std::move(decoder), std::move(handling)));
}

}  // namespace tern
