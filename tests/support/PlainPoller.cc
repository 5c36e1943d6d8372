// PlainPoller: asks the kernel anew in each turn.
#include "support/PlainPoller.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace tern::testing {

int PlainPoller::poll(Duration timeout) {
  std::vector<pollfd> fds;
  std::vector<SlotId> channels;
  for (const auto& [fd, channel] : watched_) {
    const EventMask interest = find(channel)->interest();
    short events = 0;
    if ((interest & event::kReadable) != 0) events |= POLLIN;
    if ((interest & event::kWritable) != 0) events |= POLLOUT;
    fds.push_back({fd, events, 0});
    channels.push_back(channel);
  }
  constexpr Duration kLongest = std::chrono::hours(1);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(timeout, kLongest));
  const int count = ::poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
  ++counters().waits;
  for (std::size_t i = 0; i < fds.size() && count > 0; ++i) {
    int events = event::kNone;
    if ((fds[i].revents & POLLIN) != 0) events |= event::kReadable;
    if ((fds[i].revents & POLLOUT) != 0) events |= event::kWritable;
    if ((fds[i].revents & POLLERR) != 0) events |= event::kError;
    if ((fds[i].revents & POLLHUP) != 0) events |= event::kHangup;
    if (events != event::kNone) dispatch(channels[i], static_cast<EventMask>(events));
  }
  return std::max(count, 0);
}

}  // namespace tern::testing
