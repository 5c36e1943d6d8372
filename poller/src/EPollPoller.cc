// EPollPoller: channels by slot id in epoll_data, so that a stale event finds nobody.
#include "EPollPoller.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>

#include "PollMask.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

constexpr std::size_t kFirstBatch = 64;
// Bounds a turn, and with it the delay of functors and flushes.
constexpr std::size_t kLargestBatch = 1024;

static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT &&
              EPOLLERR == POLLERR && EPOLLHUP == POLLHUP);

// epoll_wait counts in milliseconds; rounding up never wakes early to find nothing.
int toMilliseconds(Duration timeout) {
  if (timeout == kForever) return -1;
  if (timeout <= Duration::zero()) return 0;
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::min<std::int64_t>(rounded, 0x7FFFFFFF));
}

std::string adviceFor(int errnum) {
  if (errnum == EPERM) return "; regular files and directories can't be watched by epoll";
  if (errnum == ENOSPC) return "; raise fs.epoll.max_user_watches";
  return "";
}

}  // namespace

EPollPoller::EPollPoller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), events_(kFirstBatch) {
  if (!epoll_) throwSystemError(errno, "epoll_create1(): no epoll instance");
}

int EPollPoller::poll(Duration timeout) {
  if (next_ == ready_) wait(timeout);
  // How far it has come, for the next call, is noted also when a callback throws.
  struct Walk {
    EPollPoller& poller;
    const epoll_event* next;
    ~Walk() { poller.next_ = static_cast<std::size_t>(next - poller.events_.data()); }
  };
  const std::size_t events = ready_ - next_;
  Walk walk{*this, events_.data() + next_};
  const epoll_event* const end = events_.data() + ready_;
  while (walk.next != end) {
    const epoll_event& event = *walk.next++;
    dispatch(SlotId::unpack(event.data.u64), fromPollMask(static_cast<int>(event.events)));
  }
  return static_cast<int>(events);
}

void EPollPoller::wait(Duration timeout) {
  if (ready_ == events_.size() && ready_ < kLargestBatch) grow();
  ready_ = next_ = 0;
  const int n = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                             toMilliseconds(timeout));
  ++counters().waits;
  if (n < 0) {
    if (errno == EINTR) return;
    throwSystemError(errno, "epoll_wait()");
  }
  ready_ = static_cast<std::size_t>(n);
}

void EPollPoller::grow() {
  try {
    events_.resize(events_.size() * 2);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): smaller batches do as well
  }
}

void EPollPoller::update(Channel& channel) {
  const std::size_t slot = channel.id().index;
  if (slot >= added_.size()) added_.resize(slot + 1);
  epoll_event event{};
  event.events = static_cast<std::uint32_t>(toPollMask(channel.interest()));
  event.data.u64 = channel.id().packed();
  const int operation = added_[slot] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_.get(), operation, channel.fd(), &event) != 0) {
    throwSystemError(errno, "epoll_ctl() on fd " + std::to_string(channel.fd()) + adviceFor(errno));
  }
  added_[slot] = true;
}

void EPollPoller::remove(Channel& channel) {
  const std::size_t slot = channel.id().index;
  if (slot >= added_.size() || !added_[slot]) return;
  added_[slot] = false;
  // Asked for even though closing would do it: a duplicate of the fd in a forked child would keep
  // the registration, and its events, alive. Fails when the fd is closed already: nothing is left
  // to remove then.
  epoll_event unused{};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, channel.fd(), &unused);
}

}  // namespace tern
