// The three system calls of epoll.
#include "Epoll.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tern::load {
namespace {

constexpr std::int64_t kLongestWait = 60'000;  // milliseconds; who waits for longer asks again

}  // namespace

Epoll::Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

void Epoll::add(int fd, std::uint32_t tag, std::uint32_t events) {
  epoll_event event{};
  // Edge-triggered: the kernel need not put a socket back on the ready list only to find it drained
  // at the next wait.
  event.events = events | EPOLLET;
  event.data.u32 = tag;
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

std::span<const epoll_event> Epoll::wait(Duration timeout) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  const auto bounded = static_cast<int>(std::clamp<std::int64_t>(whole, 0, kLongestWait));
  const int count =
      ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()), bounded);
  if (count < 0) {
    if (errno == EINTR) return {};
    throw std::system_error(errno, std::generic_category(), "epoll_wait");
  }
  return std::span<const epoll_event>(events_).first(static_cast<std::size_t>(count));
}

}  // namespace tern::load
