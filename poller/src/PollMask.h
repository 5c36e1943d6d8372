// PollMask: tern's event masks as poll(2)'s, which io_uring's POLL_ADD shares.
#pragma once

#include <poll.h>

#include "tern/poller/Channel.h"

namespace tern {

inline short toPollMask(EventMask interest) noexcept {
  int events = 0;
  if ((interest & event::kReadable) != 0) events |= POLLIN | POLLPRI;
  if ((interest & event::kWritable) != 0) events |= POLLOUT;
  return static_cast<short>(events);
}

inline EventMask fromPollMask(int revents) noexcept {
  int events = event::kNone;
  if ((revents & (POLLIN | POLLPRI)) != 0) events |= event::kReadable;
  if ((revents & POLLOUT) != 0) events |= event::kWritable;
  if ((revents & (POLLERR | POLLNVAL)) != 0) events |= event::kError;
  if ((revents & POLLHUP) != 0) events |= event::kHangup;
  return static_cast<EventMask>(events);
}

}  // namespace tern
