// UringRing: one io_uring instance: set-up with its fallbacks, submission that never loses an
// entry, and the one system call that submits and waits.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>

#include "Fifo.h"
#include "tern/base/Clock.h"

namespace tern {

/// A completion, out of the ring.
struct UringCompletion {
  std::uint64_t userData = 0;
  int result = 0;
  unsigned flags = 0;

  [[nodiscard]] bool more() const noexcept { return (flags & IORING_CQE_F_MORE) != 0; }
  [[nodiscard]] bool hasBuffer() const noexcept { return (flags & IORING_CQE_F_BUFFER) != 0; }
  /// The provided buffer used, if it has one.
  [[nodiscard]] std::uint16_t buffer() const noexcept {
    return static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
  }
};

/// Belongs to the thread that makes it: the kernel refuses submissions from another.
class UringRing {
 public:
  /// Throws std::system_error that names the cause (kernel, seccomp, sysctl, memory-lock limit).
  UringRing(std::uint32_t submissionEntries, std::uint32_t completionEntries);
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;
  ~UringRing();

  /// A submission entry to fill in at once. Submits when the ring is full; what does not fit even
  /// then waits in memory, in order.
  io_uring_sqe* next() {
    if (room_ == 0) return nextBeyond();
    --room_;
    io_uring_sq& queue = ring_.sq;
    return &queue.sqes[queue.sqe_tail++ & queue.ring_mask];
  }

  /// Whether the ring is known to have room for the entry of next().
  [[nodiscard]] bool hasRoom() const noexcept { return room_ > 0; }
  /// The same, once the ring is looked at, and what is in it submitted if it is full.
  [[nodiscard]] bool makeRoom();

  /// Submits everything queued and waits for `waitFor` completions (0: does not wait) up to
  /// `timeout`; also, a little, when there is no memory. Makes no system call when there is nothing
  /// to submit, to wait for or to run.
  void enter(unsigned waitFor, Duration timeout);

  /// Submits one request that must not wait (MSG_DONTWAIT), as prepare(sqe) fills it in, behind all
  /// that is queued, and returns its result; -EBUSY when the ring has no room for it. What it uses
  /// is the caller's again afterwards. No other completion is taken, and none may have `tag`.
  template <class Prepare>
  int runNow(std::uint64_t tag, Prepare&& prepare) {
    io_uring_sqe* sqe = prepareNow();
    if (sqe == nullptr) return -EBUSY;
    prepare(sqe);
    io_uring_sqe_set_data64(sqe, tag);
    return resultNow(tag, *sqe);
  }
  /// What was queued last may bring any number of completions as it is submitted.
  void expectMany() noexcept { unbounded_ = true; }
  /// Drops completions of runNow() that it had to leave in the ring, from its front.
  void skip(std::uint64_t tag) noexcept {
    while (completions() > 0 && front().user_data == tag) static_cast<void>(take());
  }

  /// How many completions there are.
  [[nodiscard]] unsigned completions() const noexcept { return io_uring_cq_ready(&ring_); }
  /// Takes the oldest completion, of which there must be one. It is gone from the ring before
  /// anyone acts on it, so an exception can't make it come twice.
  UringCompletion take() noexcept {  // NOLINT(readability-make-member-function-const)
    const io_uring_cqe& entry = front();
    const UringCompletion completion{entry.user_data, entry.res, entry.flags};
    io_uring_smp_store_release(ring_.cq.khead, *ring_.cq.khead + 1);
    return completion;
  }

  /// Calls f(io_uring_cqe&) for each, the oldest first and those last that the calls of f bring,
  /// without taking it.
  template <class F>
  void forEachCompletion(F&& f) {
    io_uring_cqe* const entries = ring_.cq.cqes;
    const unsigned mask = ring_.cq.ring_mask;
    unsigned at = *ring_.cq.khead;
    for (unsigned end = 0; at != (end = io_uring_smp_load_acquire(ring_.cq.ktail));) {
      for (; at != end; ++at) f(entries[at & mask]);
    }
  }
  /// Whether the kernel keeps completions that it found no room for; the next enter() brings them.
  [[nodiscard]] bool overflown() const noexcept {
    return (io_uring_smp_load_acquire(ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
  }

  /// Whether entries queued so far have all been read by the kernel.
  [[nodiscard]] bool allSubmitted() const noexcept;
  /// How often io_uring_enter() was called.
  [[nodiscard]] std::uint64_t enters() const noexcept { return enters_; }
  [[nodiscard]] io_uring* raw() noexcept { return &ring_; }

 private:
  // The kernel takes no entries while completions overflow; there must be room for what the
  // handling of those queues.
  static constexpr std::size_t kBacklogRoom = 1024;

  // Of one request as it is submitted: the kernel lets a multishot receive go round 32 times.
  static constexpr std::uint64_t kMostAtOnce = 34;

  void setUp(std::uint32_t submissionEntries, std::uint32_t completionEntries);
  [[nodiscard]] const io_uring_cqe& front() const noexcept {
    return ring_.cq.cqes[*ring_.cq.khead & ring_.cq.ring_mask];
  }
  // user_data of an entry that nobody waits for.
  static constexpr std::uint64_t kNobodys = 0;

  io_uring_sqe* nextBeyond();
  io_uring_sqe* prepareNow();
  [[nodiscard]] bool hasRoomNow() const noexcept;
  int resultNow(std::uint64_t tag, io_uring_sqe& sqe);
  unsigned publish() noexcept;
  void fillFromBacklog() noexcept;
  int enterOnce(unsigned waitFor, Duration timeout);

  io_uring ring_{};
  Fifo<io_uring_sqe> backlog_{kBacklogRoom};
  std::uint64_t enters_ = 0;
  unsigned enterFlags_ = 0;
  unsigned room_ = 0;       // for entries, at least
  bool unbounded_ = false;  // among the entries queued is one that may bring more than that
};

/// Why the kernel refuses io_uring with this errno, and what to do, as the middle of a sentence.
std::string explainUringRefusal(int errnum);

}  // namespace tern
