// Ring: pipes or eventfds, and the counts of what went round.
#include "Ring.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <tern/base/Error.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace tern::bench {

Ring Ring::ofPipes(std::size_t links) {
  Ring ring;
  for (std::size_t i = 0; i < links; ++i) {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) throwSystemError(errno, "pipe2()");
    ring.readers_.emplace_back(ends[0]);
    ring.writers_.emplace_back(ends[1]);
  }
  return ring;
}

Ring Ring::ofEventFds(std::size_t links) {
  Ring ring;
  for (std::size_t i = 0; i < links; ++i) {
    UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd) throwSystemError(errno, "eventfd()");
    ring.readers_.push_back(std::move(fd));
  }
  return ring;
}

void Ring::start(std::size_t tokens, std::size_t passes) {
  passesLeft_ = passes;
  for (std::size_t i = 0; i < tokens; ++i) send(i * size() / tokens);
}

void Ring::receive(std::size_t link) {
  std::uint64_t token = 0;
  if (::read(reader(link), &token, sizeof token) != sizeof token) return;
  // An eventfd counts: where two tokens met, they are taken together.
  received_ += token;
  for (; token > 0 && passesLeft_ > 0; --token) {
    --passesLeft_;
    send((link + 1) % size());
  }
}

void Ring::send(std::size_t link) {
  const std::uint64_t token = 1;
  const int fd = writers_.empty() ? reader(link) : writers_[link].get();
  if (::write(fd, &token, sizeof token) == sizeof token) ++sent_;
}

bool reserveDescriptors(std::size_t count) {
  constexpr rlim_t kOwn = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count + kOwn) return false;
  if (limit.rlim_cur < count + kOwn) {
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  }
  return true;
}

}  // namespace tern::bench
