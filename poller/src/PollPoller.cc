// PollPoller: a dense pollfd array and a snapshot of what is ready.
#include "PollPoller.h"

#include <cerrno>
#include <string>

#include "PollMask.h"
#include "Timeout.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"

namespace tern {
int PollPoller::poll(Duration timeout) {
  if (next_ == ready_.size()) wait(timeout);
  const std::size_t first = next_;
  while (next_ < ready_.size()) {
    const Ready ready = ready_[next_++];
    dispatch(ready.channel, ready.events);
  }
  return static_cast<int>(ready_.size() - first);
}

void PollPoller::wait(Duration timeout) {
  // A snapshot: callbacks add to and remove from the arrays.
  ready_.clear();
  next_ = 0;
  timespec storage;
  int left = ::ppoll(polled_.data(), polled_.size(), toTimespec(timeout, storage), nullptr);
  ++counters().waits;
  if (left < 0) {
    if (errno == EINTR) return;
    if (errno == ENOMEM) {
      pauseForMemory(timeout);
      return;
    }
    // EINVAL: more of them than the limit, which must have been lowered since.
    throwSystemError(errno,
                     "poll() on " + std::to_string(polled_.size()) + " descriptors; see ulimit -n");
  }
  for (std::size_t i = 0; i < polled_.size() && left > 0; ++i) {
    if (polled_[i].revents == 0) continue;
    --left;
    ready_.push_back({channels_[i], fromPollMask(polled_[i].revents)});
    if ((polled_[i].revents & POLLNVAL) != 0) {
      log(LogLevel::kError, [&] {
        return "fd " + std::to_string(polled_[i].fd) +
               " was closed while a channel watched it; destroy the channel first";
      });
      polled_[i].fd = -1;  // poll() skips it, instead of reporting it for ever
    }
  }
}

void PollPoller::update(Channel& channel) {
  const std::uint32_t slot = channel.id().index;
  if (slot >= positions_.size()) positions_.resize(slot + 1, kNowhere);
  std::uint32_t& position = positions_[slot];
  const pollfd entry{channel.fd(), toPollMask(channel.interest()), 0};
  if (position != kNowhere) {
    polled_[position] = entry;
    return;
  }
  polled_.push_back(entry);
  try {
    ready_.reserve(polled_.capacity());  // wait() must not need memory
    channels_.push_back(channel.id());
  } catch (...) {
    polled_.pop_back();
    throw;
  }
  position = static_cast<std::uint32_t>(polled_.size() - 1);
}

void PollPoller::remove(Channel& channel) {
  const std::uint32_t slot = channel.id().index;
  if (slot < positions_.size() && positions_[slot] != kNowhere) drop(slot);
}

void PollPoller::drop(std::uint32_t slot) {
  const std::uint32_t hole = positions_[slot];
  positions_[slot] = kNowhere;
  if (hole + 1 != polled_.size()) {
    polled_[hole] = polled_.back();
    channels_[hole] = channels_.back();
    positions_[channels_[hole].index] = hole;
  }
  polled_.pop_back();
  channels_.pop_back();
}

}  // namespace tern
