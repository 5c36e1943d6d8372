// FrameSending: what is the same for every codec.
#include "FrameSending.h"

#include <stdexcept>
#include <string>

#include "tern/net/EventLoop.h"

namespace tern {

// Compares addresses, since the connection's loop may be gone. If this thread has a new loop in the
// old one's place, the answer is wrong, and harmless: such a connection drops all that it is given.
bool onLoopThreadOf(const TcpConnection& connection) noexcept {
  return EventLoop::getEventLoopOfCurrentThread() == connection.getLoop();
}

void throwFrameTooLong(std::size_t length, std::size_t maxLength) {
  throw std::length_error("a frame of " + std::to_string(length) +
                          " bytes can't be sent: the codec's limit is " +
                          std::to_string(maxLength));
}

}  // namespace tern
