// SelectPoller: select(2), a map, and a snapshot of what is ready.
#include "SelectPoller.h"

#include <sys/select.h>
#include <tern/base/Error.h>

#include <cerrno>
#include <string>

namespace tern::testing {

int SelectPoller::poll(Duration timeout) {
  // A callback that throws leaves those behind it for the next call.
  if (next_ == ready_.size()) wait(timeout);
  const std::size_t first = next_;
  while (next_ < ready_.size()) {
    const Ready ready = ready_[next_++];
    dispatch(ready.channel, ready.events);
  }
  return static_cast<int>(ready_.size() - first);
}

void SelectPoller::wait(Duration timeout) {
  ready_.clear();
  next_ = 0;
  fd_set readable;
  fd_set writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  for (const auto& [fd, id] : channels_) {
    const EventMask interest = find(id)->interest();
    if ((interest & event::kReadable) != 0) FD_SET(fd, &readable);
    if ((interest & event::kWritable) != 0) FD_SET(fd, &writable);
  }
  const int highest = channels_.empty() ? -1 : channels_.rbegin()->first;
  timeval limit{};
  if (timeout != kForever) {
    const auto rounded = std::chrono::ceil<std::chrono::microseconds>(timeout).count();
    limit.tv_sec = rounded / 1'000'000;
    limit.tv_usec = rounded % 1'000'000;
  }
  const int n =
      ::select(highest + 1, &readable, &writable, nullptr, timeout == kForever ? nullptr : &limit);
  ++counters().waits;
  if (n < 0) {
    if (errno == EINTR) return;
    throwSystemError(errno, "select()");
  }
  for (const auto& [fd, id] : channels_) {
    int events = event::kNone;
    if (FD_ISSET(fd, &readable)) events |= event::kReadable;
    if (FD_ISSET(fd, &writable)) events |= event::kWritable;
    if (events != event::kNone) ready_.push_back({id, static_cast<EventMask>(events)});
  }
}

void SelectPoller::update(Channel& channel) {
  if (channel.fd() >= FD_SETSIZE) {
    throwSystemError(EBADF, "select() can't watch fd " + std::to_string(channel.fd()));
  }
  channels_[channel.fd()] = channel.id();
  if (ready_.capacity() < channels_.size()) ready_.reserve(2 * channels_.size());
}

void SelectPoller::remove(Channel& channel) {
  const auto found = channels_.find(channel.fd());
  if (found != channels_.end() && found->second == channel.id()) channels_.erase(found);
}

}  // namespace tern::testing
