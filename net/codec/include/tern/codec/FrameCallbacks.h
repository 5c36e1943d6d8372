// FrameCallbacks: what a user of framed connections provides.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>
#include <system_error>

#include "tern/base/Clock.h"
#include "tern/net/Callbacks.h"

namespace tern {

/// A whole frame, without its prefix or delimiter; lent for the duration of the call. Called on the
/// connection's loop.
///
/// stopRead() in it holds the frames behind this one, and startRead() brings them, without waiting
/// for more bytes. forceClose() or shutdown() in it makes this the last frame: what is behind it,
/// and what still arrives, is discarded. (A shutdown() from elsewhere leaves receiving alone.) When
/// it throws, this frame is gone, and those behind it come in the loop's next turn.
///
/// To go on with another codec: stopRead() and setMessageCallback() in it, and startRead() when it
/// has returned, in a functor; the new callback begins right behind this frame.
using FrameCallback =
    std::function<void(const TcpConnectionPtr&, std::string_view frame, Timestamp receiveTime)>;

/// The peer broke the framing: see FrameError. Called once for a connection, and no frame after it.
/// The connection is not read from any more, and what is unread is discarded. It may still be sent
/// to: when this returns, or throws, the connection is shut down, and closed by force a delay
/// later.
using FrameErrorCallback = std::function<void(const TcpConnectionPtr&, std::error_code)>;

/// How long what was sent before a frame error has for leaving, unless said otherwise. A peer that
/// broke the framing is not waited for any longer.
inline constexpr std::chrono::seconds kFrameErrorCloseDelay{1};

}  // namespace tern
