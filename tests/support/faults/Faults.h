// Faults: what a test makes of the system calls and io_uring requests that tern issues. The library
// is the one that is shipped: the seam is the dynamic linker, which finds the test program's own
// recv(), send() and so on before the C library's, and its io_uring_enter2() before liburing's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>

namespace tern::testing {

enum class Call : std::uint8_t {
  kAccept,
  kBind,
  kConnect,
  kEpollCreate,
  kEpollCtl,
  kEpollWait,
  kEventfd,
  kFcntl,
  kGetpeername,
  kGetsockname,
  kGetsockopt,
  kListen,
  kMmap,
  kPpoll,
  kPread,
  kRead,
  kRecv,
  kRecvmmsg,
  kSend,
  kSendfile,
  kSendmmsg,
  kSendmsg,
  kSetsockopt,
  kShutdown,
  kSignalfd,
  kSocket,
  kTimerfdCreate,
  kTimerfdSettime,
  kWrite,
  // Of io_uring: the system calls,
  kUringSetUp,
  kUringBuffers,  ///< registering the ring of receive buffers
  kUringEnter,    ///< length: entries to submit
  // each request, as it is submitted; length: what it may move,
  kUringAccept,
  kUringReceive,
  kUringSend,
  kUringPoll,
  kUringTimeout,
  kUringCancel,
  // and what comes of them.
  kUringCompletion,  ///< each
  kUringBatch,       ///< those of one call; length: how many
  kUringStale,       ///< whether to add one of a request that is long over
  kCount,
};

std::string_view nameOf(Call call);

/// A call that is about to be made.
struct Asked {
  Call call;
  int fd;              ///< its first, or -1
  std::size_t length;  ///< bytes, messages, entries; 0 where there is no such thing
};

/// What becomes of it; as it is here: what the kernel says.
struct Answer {
  /// It fails with this, and the kernel does not get to see it. Of a request: it completes so.
  int error = 0;
  /// The kernel gets to see it all the same: an interrupted connect() goes on.
  bool afterwards = false;
  /// The kernel gets to see no more bytes, messages or entries than this.
  std::size_t atMost = std::numeric_limits<std::size_t>::max();
  /// A multishot request is a one-shot one: its first completion comes without F_MORE.
  bool once = false;
  /// A cancellation is left to a thread of the kernel; a completion is held back until the next
  /// call; a batch comes in another order; a stale completion is added.
  bool late = false;
};

/// While it lives, each call that its thread makes is asked about; those that the answering
/// function makes itself are not. The last one made counts.
class Faults {
 public:
  using Decide = std::function<Answer(const Asked&)>;

  explicit Faults(Decide decide);
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults();

  /// How many calls there were of a sort, and how many of those were not left as they were.
  [[nodiscard]] std::uint64_t asked(Call call) const {
    return asked_[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] std::uint64_t injected(Call call) const {
    return injected_[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] std::uint64_t injected() const;

 private:
  friend class FaultsOff;
  friend Answer answerTo(Call call, int fd, std::size_t length);

  using Counts = std::array<std::uint64_t, static_cast<std::size_t>(Call::kCount)>;

  Decide decide_;
  Faults* const before_;
  Counts asked_{};
  Counts injected_{};
};

/// While it lives, its thread's calls go straight to the kernel: for a test that acts as the peer
/// on the loop's thread.
class FaultsOff {
 public:
  FaultsOff() noexcept;
  FaultsOff(const FaultsOff&) = delete;
  FaultsOff& operator=(const FaultsOff&) = delete;
  ~FaultsOff();

 private:
  Faults* const before_;
};

/// An answering function that leaves all calls but those of one sort as they are.
Faults::Decide only(Call call, Faults::Decide decide);

/// For the seam: whether this thread has any.
bool areThereFaults() noexcept;
/// For the seam: asks the Faults of this thread, if there are any.
Answer answerTo(Call call, int fd, std::size_t length);

}  // namespace tern::testing
