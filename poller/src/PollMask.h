// PollMask: tern's event masks as poll(2)'s, which epoll and io_uring's POLL_ADD share.
#pragma once

#include <poll.h>

#include "tern/poller/Channel.h"

namespace tern {

// The bits agree, but for POLLPRI, which counts as readable, and POLLNVAL, as an error.
static_assert(event::kReadable == POLLIN && event::kWritable == POLLOUT &&
              event::kError == POLLERR && event::kHangup == POLLHUP);
inline constexpr int kSameBits = POLLIN | POLLOUT | POLLERR | POLLHUP;

inline short toPollMask(EventMask interest) noexcept {
  const int asked = interest & (POLLIN | POLLOUT);
  return static_cast<short>((asked & POLLIN) != 0 ? asked | POLLPRI : asked);
}

inline EventMask fromPollMask(int revents) noexcept {
  int events = revents & kSameBits;
  if ((revents & (POLLPRI | POLLNVAL)) != 0) {
    if ((revents & POLLPRI) != 0) events |= event::kReadable;
    if ((revents & POLLNVAL) != 0) events |= event::kError;
  }
  return static_cast<EventMask>(events);
}

}  // namespace tern
