// An epoll instance, edge-triggered only, whose waits never outlast what they were given.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "Clock.h"
#include "UniqueFd.h"

namespace tern::load {

class Epoll {
 public:
  Epoll();  // throws std::system_error

  // Watches `fd` until it is closed. Its events carry `tag` in data.u32. Throws std::system_error.
  void add(int fd, std::uint32_t tag, std::uint32_t events);

  // Waits at most `timeout`, rounded down to a millisecond; not at all when that is zero or less.
  // So who waits for a moment sleeps until shortly before it, and polls from then on. The result is
  // valid until the next call, and empty after a timeout or a signal. Throws std::system_error.
  std::span<const epoll_event> wait(Duration timeout);

 private:
  UniqueFd fd_;
  std::array<epoll_event, 512> events_{};
};

}  // namespace tern::load
