// AllowList: each system call by name, and what it is for. `derive` compares it with what is
// called.
#include "AllowList.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <tern/poller/Poller.h>

#include <span>

#include "Sanitizers.h"

namespace tern::examples {
namespace {

constexpr std::uint32_t kAllBits = ~std::uint32_t{0};
constexpr std::uint32_t kUnregisterBufferRing = 23;  // IORING_UNREGISTER_PBUF_RING

constexpr AllowedCall kAlways[] = {
    // Serving.
    {"read", "wake-ups, timers and signals: eventfd, timerfd, signalfd"},
    {"write", "wake-ups of other threads; the log and the ready line"},
    {"timerfd_settime", "when the next timer is due"},
    {"getpeername", "where a connection comes from"},
    {"shutdown", "FIN, after all that was to be sent"},
    {"close", "connections and, at the end, all else"},
    // Out of descriptors: those who wait are accepted with the reserve, and closed.
    {"accept4", "with poll and epoll, all connections"},
    {"getsockopt", "how many wait"},
    {"fcntl", "does this socket block?", ArgumentRule{1, kAllBits, F_GETFL}},
    {"fcntl", "it shall, or shall not", ArgumentRule{1, kAllBits, F_SETFL}},
    {"eventfd2", "the next reserve"},
    // Memory, of which none becomes code.
    {"brk", "malloc"},
    {"mmap", "malloc, large blocks", ArgumentRule{2, PROT_EXEC, 0}},
    {"mprotect", "malloc, the heaps of threads", ArgumentRule{2, PROT_EXEC, 0}},
    {"munmap", "free"},
    {"madvise", "free, and the stacks of threads that end"},
    // Threads and signals.
    {"futex", "mutexes, and waiting for threads to end"},
    {"gettid", "the log's name for a thread"},
    {"rt_sigprocmask", "the end of a thread, and of SignalWatcher"},
    {"rt_sigtimedwait", "SignalWatcher drops what is pending"},
    {"exit", "the end of a thread"},
    {"exit_group", "the end"},
    // Not met in the tests, and not to be ruled out elsewhere.
    {"clock_gettime", "the time, on machines whose vDSO does not tell it"},
    {"clock_nanosleep", "a pause, when the kernel has no memory for a wait"},
    {"restart_syscall", "the kernel's own: a wait goes on after SIGCONT"},
    {"rt_sigreturn", "the end of a signal handler, a profiler's for one"},
};

constexpr AllowedCall kByReadiness[] = {
    {"recvfrom", "recv()"},
    {"sendto", "send(), one piece"},
    {"sendmsg", "several pieces at once"},
};

constexpr AllowedCall kPoll[] = {
    {"ppoll", "waits"},
};

constexpr AllowedCall kEPoll[] = {
    {"epoll_wait", "waits"},
    {"epoll_pwait", "the same, on arm64"},
    {"epoll_ctl", "what to wait for"},
};

constexpr AllowedCall kUring[] = {
    {"io_uring_enter", "waits, and does all that is submitted, which no filter sees"},
    {"io_uring_register", "the ring's end: gives its buffers back",
     ArgumentRule{1, kAllBits, kUnregisterBufferRing}},
};

void append(std::vector<AllowedCall>& list, std::span<const AllowedCall> calls) {
  list.insert(list.end(), calls.begin(), calls.end());
}

}  // namespace

std::vector<AllowedCall> allowListFor(const Poller& poller) {
  std::vector<AllowedCall> list;
  append(list, kAlways);
  const bool uring = poller.name() == "io_uring";
  if (uring) append(list, kUring);
  if (poller.name() == "epoll") append(list, kEPoll);
  if (poller.name() == "poll") append(list, kPoll);
  // On a kernel that is too old for more, io_uring tells readiness only.
  if (!uring || !poller.fallback().empty()) append(list, kByReadiness);
  append(list, sanitizerCalls());
  return list;
}

}  // namespace tern::examples
