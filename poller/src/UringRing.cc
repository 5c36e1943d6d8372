// UringRing: io_uring_setup with fallbacks, and io_uring_enter.
#include "UringRing.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "Timeout.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"

namespace tern {
namespace {

// Newer than the liburing this builds with; found out at run time.
constexpr unsigned kFeatNoIowait = 1U << 17U;
constexpr unsigned kEnterNoIowait = 1U << 7U;

// One loop a thread: one submitter, and completions run when that thread asks for them.
// TASKRUN_FLAG shows whether any wait to be run; without it peeking would miss them. Each step down
// serves an older kernel: DEFER_TASKRUN is 6.1, SINGLE_ISSUER 6.0, COOP_TASKRUN 5.19,
// SUBMIT_ALL 5.18.
constexpr unsigned kSizes = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
constexpr unsigned kSetups[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SUBMIT_ALL | kSizes,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | kSizes,
    kSizes,
};

constexpr std::uint32_t kFewestEntries = 4;

std::string sysctlIoUringDisabled() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  std::string value;
  file >> value;
  return value.empty() ? "unknown" : value;
}

std::string lockedMemoryLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return "unlimited";
  }
  return std::to_string(limit.rlim_cur / 1024) + " KiB";
}

}  // namespace

std::string explainUringRefusal(int errnum) {
  switch (errnum) {
    case ENOSYS:
      return "this kernel has no io_uring (built without it, or older than 5.1); use epoll";
    case EPERM:
    case EACCES:
      return "it is blocked by a seccomp filter (as in many containers) or by the sysctl "
             "kernel.io_uring_disabled (now " +
             sysctlIoUringDisabled() + "); allow it, or use epoll";
    case ENOMEM:
      return "the limit on locked memory is too small (ulimit -l, now " + lockedMemoryLimit() +
             "); raise it, or use fewer loops or smaller rings";
    case EINVAL:
      return "this kernel is too old for a flag that is needed; use epoll";
    case EMFILE:
    case ENFILE:
      return "there is no file descriptor for the ring";
    default:
      return "an unexpected refusal";
  }
}

UringRing::UringRing(std::uint32_t submissionEntries, std::uint32_t completionEntries) {
  setUp(submissionEntries, completionEntries);
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0 ||
      (ring_.features & IORING_FEAT_SUBMIT_STABLE) == 0 ||
      (ring_.features & IORING_FEAT_NODROP) == 0) {
    io_uring_queue_exit(&ring_);
    throwSystemError(EINVAL, "io_uring: " + explainUringRefusal(EINVAL) +
                                 " (timeouts with io_uring_enter need Linux 5.11)");
  }
  // Else a thread that just waits for traffic would be shown as waiting for a disk.
  if ((ring_.features & kFeatNoIowait) != 0) enterFlags_ |= kEnterNoIowait;
}

void UringRing::setUp(std::uint32_t submissionEntries, std::uint32_t completionEntries) {
  int result = -EINVAL;
  submissionEntries = std::max(submissionEntries, 1U);
  completionEntries = std::max(completionEntries, submissionEntries);
  for (;;) {
    for (const unsigned flags : kSetups) {
      io_uring_params params{};
      params.flags = flags;
      params.cq_entries = completionEntries;
      result = io_uring_queue_init_params(submissionEntries, &ring_, &params);
      if (result != -EINVAL) break;
    }
    const bool canShrink = submissionEntries > kFewestEntries;
    if (result != -ENOMEM || !canShrink) break;
    submissionEntries /= 2;
    completionEntries = std::max(completionEntries / 2, submissionEntries);
  }
  if (result < 0) {
    throwSystemError(-result, "io_uring can't be set up: " + explainUringRefusal(-result));
  }
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
  // Best effort: a forked child could only spoil it.
  io_uring_ring_dontfork(&ring_);
}

UringRing::~UringRing() { io_uring_queue_exit(&ring_); }

bool UringRing::makeRoom() {
  if (room_ > 0) return true;
  // Those go first.
  if (!backlog_.empty()) return false;
  if (io_uring_sq_space_left(&ring_) == 0) enterOnce(0, Duration::zero());
  room_ = io_uring_sq_space_left(&ring_);
  return room_ > 0;
}

io_uring_sqe* UringRing::nextBeyond() { return makeRoom() ? next() : &backlog_.push({}); }

// Last in its submission, and with room for its completion behind those of the others: so that, as
// it does not wait, the completion is there when the call returns.
io_uring_sqe* UringRing::prepareNow() {
  if (!allSubmitted() && !hasRoomNow()) enterOnce(0, Duration::zero());
  if (overflown() || !hasRoomNow()) return nullptr;
  return next();
}

bool UringRing::hasRoomNow() const noexcept {
  const std::uint64_t queued = io_uring_sq_ready(&ring_);
  if (!backlog_.empty() || (queued > 0 && unbounded_)) return false;
  return queued < ring_.sq.ring_entries &&
         completions() + queued * kMostAtOnce < ring_.cq.ring_entries;
}

// Without GETEVENTS, so that no other completion is brought in.
int UringRing::resultNow(std::uint64_t tag, io_uring_sqe& sqe) {
  unsigned at = io_uring_smp_load_acquire(ring_.cq.ktail);
  const unsigned all = publish();
  ++enters_;
  const int submitted =
      io_uring_enter2(static_cast<unsigned>(ring_.ring_fd), all, 0, 0, nullptr, 0);
  if (submitted != static_cast<int>(all)) {
    // It must not be read later, when its memory is someone else's; nor be taken then for the next
    // such request, before which it completes.
    if (!allSubmitted()) {
      io_uring_prep_nop(&sqe);
      io_uring_sqe_set_data64(&sqe, kNobodys);
    }
    return -EBUSY;
  }
  for (; at != io_uring_smp_load_acquire(ring_.cq.ktail); ++at) {
    const io_uring_cqe& entry = ring_.cq.cqes[at & ring_.cq.ring_mask];
    if (entry.user_data != tag) continue;
    const int result = entry.res;
    if (at == *ring_.cq.khead) io_uring_cq_advance(&ring_, 1);
    return result;
  }
  return -EIO;
}

// liburing keeps its own tail until a submit call of its own; that call can't take the flags that
// are wanted here. With the identity mapping that setUp() leaves, both ways agree.
unsigned UringRing::publish() noexcept {
  io_uring_sq& queue = ring_.sq;
  queue.sqe_head = queue.sqe_tail;
  io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
  return io_uring_sq_ready(&ring_);
}

void UringRing::fillFromBacklog() noexcept {
  while (!backlog_.empty()) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) return;
    *sqe = backlog_.front();
    backlog_.pop();
  }
}

bool UringRing::allSubmitted() const noexcept {
  return backlog_.empty() && io_uring_sq_ready(&ring_) == 0;
}

void UringRing::enter(unsigned waitFor, Duration timeout) {
  fillFromBacklog();
  while (!backlog_.empty()) {
    const std::size_t before = backlog_.size();
    enterOnce(0, Duration::zero());
    fillFromBacklog();
    // The kernel takes no more until completions are reaped: that comes first, without waiting.
    if (backlog_.size() == before) return;
  }
  const unsigned kernelFlags = io_uring_smp_load_acquire(ring_.sq.kflags);
  const bool deferredWork = (kernelFlags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  if (waitFor == 0 && !deferredWork && io_uring_sq_ready(&ring_) == 0) return;
  enterOnce(waitFor, timeout);
}

int UringRing::enterOnce(unsigned waitFor, Duration timeout) {
  timespec spec{};
  __kernel_timespec kernelSpec{};
  io_uring_getevents_arg argument{};
  argument.sigmask_sz = _NSIG / 8;
  if (waitFor > 0 && toTimespec(timeout, spec) != nullptr) {
    kernelSpec.tv_sec = spec.tv_sec;
    kernelSpec.tv_nsec = spec.tv_nsec;
    argument.ts = reinterpret_cast<std::uint64_t>(&kernelSpec);
  }
  // GETEVENTS also without waiting: it is what runs deferred completions and flushes an overflow.
  const unsigned flags = enterFlags_ | IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  const unsigned toSubmit = publish();
  ++enters_;
  const int result = io_uring_enter2(static_cast<unsigned>(ring_.ring_fd), toSubmit, waitFor, flags,
                                     reinterpret_cast<sigset_t*>(&argument), sizeof argument);
  if (allSubmitted()) unbounded_ = false;
  if (result >= 0) return result;
  switch (-result) {
    case ETIME:  // the timeout
    case EINTR:  // a signal
    case EBUSY:  // completions must be reaped first
      return result;
    case EAGAIN:  // short of memory for requests: tried again next turn
    case ENOMEM:
      if (timeout > Duration::zero()) pauseForMemory(timeout);
      return result;
    default:
      throwSystemError(-result, "io_uring_enter(): " + explainUringRefusal(-result));
  }
}

}  // namespace tern
