// Faults: who is asked, and the counts.
#include "support/faults/Faults.h"

#include <numeric>
#include <utility>

namespace tern::testing {
namespace {

constinit thread_local Faults* tFaults = nullptr;

constexpr std::array<std::string_view, static_cast<std::size_t>(Call::kCount)> kNames = {
    "accept4",
    "bind",
    "connect",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "eventfd",
    "fcntl",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "mmap",
    "ppoll",
    "pread",
    "read",
    "recv",
    "recvmmsg",
    "send",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "setsockopt",
    "shutdown",
    "signalfd",
    "socket",
    "timerfd_create",
    "timerfd_settime",
    "write",
    "io_uring set-up",
    "io_uring buffers",
    "io_uring_enter",
    "io_uring accept",
    "io_uring receive",
    "io_uring send",
    "io_uring poll",
    "io_uring timeout",
    "io_uring cancel",
    "io_uring completion",
    "io_uring batch",
    "io_uring stale",
};
static_assert(!kNames.back().empty());

bool leavesItAlone(const Answer& answer, std::size_t length) {
  return answer.error == 0 && answer.atMost >= length && !answer.once && !answer.late;
}

}  // namespace

std::string_view nameOf(Call call) { return kNames.at(static_cast<std::size_t>(call)); }

Faults::Faults(Decide decide) : decide_(std::move(decide)), before_(std::exchange(tFaults, this)) {}

Faults::~Faults() { tFaults = before_; }

std::uint64_t Faults::injected() const {
  return std::accumulate(injected_.begin(), injected_.end(), std::uint64_t{0});
}

FaultsOff::FaultsOff() noexcept : before_(std::exchange(tFaults, nullptr)) {}

FaultsOff::~FaultsOff() { tFaults = before_; }

Faults::Decide only(Call call, Faults::Decide decide) {
  return [call, decide = std::move(decide)](const Asked& asked) {
    return asked.call == call ? decide(asked) : Answer{};
  };
}

bool areThereFaults() noexcept { return tFaults != nullptr; }

Answer answerTo(Call call, int fd, std::size_t length) {
  if (tFaults == nullptr) return {};
  Faults& faults = *tFaults;
  const FaultsOff off;
  ++faults.asked_[static_cast<std::size_t>(call)];
  const Answer answer = faults.decide_({call, fd, length});
  if (!leavesItAlone(answer, length)) ++faults.injected_[static_cast<std::size_t>(call)];
  return answer;
}

}  // namespace tern::testing
