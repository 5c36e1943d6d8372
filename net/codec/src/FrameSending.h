// FrameSending: what the codecs have in common when they send.
#pragma once

#include <cstddef>

#include "tern/net/TcpConnection.h"

namespace tern {

/// Up to this size a frame is put together on the stack: cheaper than asking whose thread this is.
inline constexpr std::size_t kSmallFrame = 240;

/// Whether two sends in a row can't be parted by another thread's. Any thread, also when the loop
/// is gone.
[[nodiscard]] bool onLoopThreadOf(const TcpConnection& connection) noexcept;

/// Throws std::length_error.
[[noreturn]] void throwFrameTooLong(std::size_t length, std::size_t maxLength);

}  // namespace tern
