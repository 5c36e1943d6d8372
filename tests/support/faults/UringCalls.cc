// UringCalls: the program's own versions of liburing's calls. Faults are put into the submission
// queue where the kernel can be made to commit them, and into the completion queue where they are
// about order and time.
#include <dlfcn.h>
#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "UringSource.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

template <class Function>
Function* next(const char* name) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what dlsym() is for
  auto* const found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  if (found == nullptr) std::abort();
  return found;
}

struct Completion {
  std::uint64_t userData = 0;
  int result = 0;
  unsigned flags = 0;
};

// Of tern's tags: of no source and of no channel. The generation counts.
constexpr std::uint64_t kOwnSlot = 0xABCDE;

bool isOwn(std::uint64_t userData) {
  const UringTag tag = UringTag::unpack(userData);
  return tag.kind == UringKind::kIgnored && tag.slot.index == kOwnSlot;
}

// One ring, on its thread.
class RingSeam {
 public:
  explicit RingSeam(io_uring& ring) : ring_(ring), seen_(tail()) {}

  int enter(unsigned submit, unsigned wait, unsigned flags, sigset_t* argument, std::size_t size);

 private:
  [[nodiscard]] unsigned tail() const { return io_uring_smp_load_acquire(ring_.cq.ktail); }
  [[nodiscard]] io_uring_cqe& completion(unsigned at) const {
    return ring_.cq.cqes[at & ring_.cq.ring_mask];
  }

  void look(io_uring_sqe& entry);
  void noteTag(std::uint64_t userData);
  std::uint64_t stands(const Completion& what);
  void complete(io_uring_sqe& entry, int error);
  static void shorten(io_uring_sqe& entry, std::size_t most);
  static void makeOneShot(io_uring_sqe& entry);
  bool add(const Completion& what);
  unsigned addExtras();
  void arrived();
  void settle(io_uring_cqe& entry);
  void holdBack(io_uring_cqe& entry);
  void reorder(unsigned from, unsigned to);

  io_uring& ring_;
  unsigned seen_;  // completions before it were looked at
  std::uint32_t next_ = 1;
  std::map<std::uint64_t, Completion> stood_;  // what a completion of the seam's own stands for
  std::vector<Completion> held_;
  std::map<std::pair<bool, std::uint32_t>, UringTag> latest_;  // by slot
  std::vector<UringTag> stale_;
};

Call callOf(const io_uring_sqe& entry) {
  switch (entry.opcode) {
    case IORING_OP_ACCEPT:
      return Call::kUringAccept;
    case IORING_OP_RECV:
      return Call::kUringReceive;
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
      return Call::kUringSend;
    case IORING_OP_POLL_ADD:
      return Call::kUringPoll;
    case IORING_OP_TIMEOUT:
      return Call::kUringTimeout;
    case IORING_OP_ASYNC_CANCEL:
      return Call::kUringCancel;
    default:
      return Call::kCount;
  }
}

std::size_t lengthOf(const io_uring_sqe& entry) {
  // A receive into a provided buffer names no length.
  if (entry.opcode == IORING_OP_RECV && entry.len == 0) return std::size_t{1} << 30U;
  if (entry.opcode == IORING_OP_RECV || entry.opcode == IORING_OP_SEND) return entry.len;
  if (entry.opcode != IORING_OP_SENDMSG) return 0;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): how the kernel's interface has it
  const auto* message = reinterpret_cast<const msghdr*>(entry.addr);
  std::size_t length = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) length += message->msg_iov[i].iov_len;
  return length;
}

// A completion with the tag returned is turned into this one.
std::uint64_t RingSeam::stands(const Completion& what) {
  const std::uint64_t tag = UringTag{UringKind::kIgnored, {kOwnSlot, next_++}}.packed();
  stood_[tag] = what;
  return tag;
}

// The kernel completes it at once, without doing anything.
void RingSeam::complete(io_uring_sqe& entry, int error) {
  const std::uint64_t tag = stands({entry.user_data, -error, 0});
  entry = {};
  entry.opcode = IORING_OP_NOP;
  entry.user_data = tag;
}

void RingSeam::shorten(io_uring_sqe& entry, std::size_t most) {
  // The kernel knows nothing of what is left: it would take this for all.
  entry.flags &= static_cast<std::uint8_t>(~IOSQE_CQE_SKIP_SUCCESS);
  if (entry.opcode == IORING_OP_SENDMSG) {
    // The message is the library's, for as long as the kernel has not taken it.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): how the kernel's interface has it
    auto* message = reinterpret_cast<msghdr*>(entry.addr);
    message->msg_iovlen = 1;
    message->msg_iov[0].iov_len = std::min(message->msg_iov[0].iov_len, most);
  } else {
    entry.len = static_cast<unsigned>(most);
  }
}

void RingSeam::makeOneShot(io_uring_sqe& entry) {
  if (entry.opcode == IORING_OP_ACCEPT) {
    entry.ioprio &= static_cast<std::uint16_t>(~IORING_ACCEPT_MULTISHOT);
  } else if (entry.opcode == IORING_OP_RECV) {
    entry.ioprio &= static_cast<std::uint16_t>(~IORING_RECV_MULTISHOT);
  } else if (entry.opcode == IORING_OP_POLL_ADD) {
    entry.len &= ~IORING_POLL_ADD_MULTI;
  }
}

// A slot that is used again makes all earlier tags of it stale.
void RingSeam::noteTag(std::uint64_t userData) {
  const UringTag tag = UringTag::unpack(userData);
  if (!tag.ofSource() && tag.kind != UringKind::kChannel) return;
  const auto [at, first] = latest_.try_emplace({tag.ofSource(), tag.slot.index}, tag);
  if (first || at->second.slot.generation == tag.slot.generation) return;
  stale_.push_back(std::exchange(at->second, tag));
  if (stale_.size() > 64) stale_.erase(stale_.begin());
}

// Its result must be there when the call returns.
bool isNow(const io_uring_sqe& entry) {
  const bool moves = entry.opcode == IORING_OP_RECV || entry.opcode == IORING_OP_SEND;
  return moves && (entry.msg_flags & MSG_DONTWAIT) != 0;
}

void RingSeam::look(io_uring_sqe& entry) {
  noteTag(entry.user_data);
  const Call call = callOf(entry);
  if (call == Call::kCount) return;
  const std::size_t length = lengthOf(entry);
  const Answer answer = answerTo(call, entry.fd, length);
  if (answer.error != 0) {
    complete(entry, answer.error);
    return;
  }
  if (answer.once || answer.atMost < length) makeOneShot(entry);
  if (answer.atMost < length) shorten(entry, answer.atMost);
  if (answer.late && !isNow(entry)) entry.flags |= IOSQE_ASYNC;
}

// By an entry of the seam's own, behind the library's.
bool RingSeam::add(const Completion& what) {
  io_uring_sq& queue = ring_.sq;
  if (queue.sqe_tail - io_uring_smp_load_acquire(queue.khead) >= queue.ring_entries) return false;
  io_uring_sqe& entry = queue.sqes[queue.sqe_tail & queue.ring_mask];
  entry = {};
  entry.opcode = IORING_OP_NOP;
  entry.user_data = stands(what);
  queue.sqe_head = ++queue.sqe_tail;
  io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
  return true;
}

// Returns how many entries.
unsigned RingSeam::addExtras() {
  unsigned added = 0;
  while (!held_.empty() && add(held_.front())) {
    held_.erase(held_.begin());
    ++added;
  }
  if (!held_.empty() || stale_.empty()) return added;
  const Answer answer = answerTo(Call::kUringStale, ring_.ring_fd, 0);
  if (!answer.late) return added;
  // Of a receive it would be the end of the stream, if anybody believed it.
  if (add({stale_.back().packed(), answer.error, 0})) ++added;
  stale_.pop_back();
  return added;
}

int RingSeam::enter(unsigned submit, unsigned wait, unsigned flags, sigset_t* argument,
                    std::size_t size) {
  static auto* const real = next<decltype(io_uring_enter2)>("io_uring_enter2");
  if (!areThereFaults() && stood_.empty() && held_.empty()) {
    const int result = real(ring_.ring_fd, submit, wait, flags, argument, size);
    seen_ = tail();
    return result;
  }
  const Answer answer = answerTo(Call::kUringEnter, ring_.ring_fd, submit);
  if (answer.error != 0) return -answer.error;
  const unsigned taken = static_cast<unsigned>(std::min<std::size_t>(submit, answer.atMost));
  const unsigned head = io_uring_smp_load_acquire(ring_.sq.khead);
  for (unsigned i = 0; i < taken; ++i) look(ring_.sq.sqes[(head + i) & ring_.sq.ring_mask]);
  unsigned extras = 0;
  if (taken < submit) {
    // As when the kernel has no memory for more: it does not go on to wait.
    wait = 0;
  } else if ((flags & IORING_ENTER_GETEVENTS) != 0) {
    // Not behind a request whose result is looked for at once.
    extras = addExtras();
  }
  const int result = real(ring_.ring_fd, taken + extras, wait, flags, argument, size);
  arrived();
  return result > static_cast<int>(taken) ? static_cast<int>(taken) : result;
}

void RingSeam::arrived() {
  const unsigned from = seen_;
  const unsigned to = tail();
  for (unsigned at = from; at != to; ++at) settle(completion(at));
  if (to - from > 1 && answerTo(Call::kUringBatch, ring_.ring_fd, to - from).late) {
    reorder(from, to);
  }
  seen_ = to;
}

void RingSeam::settle(io_uring_cqe& entry) {
  if (isOwn(entry.user_data)) {
    const auto found = stood_.find(entry.user_data);
    const Completion stood = found->second;
    stood_.erase(found);
    entry.user_data = stood.userData;
    entry.res = stood.result;
    entry.flags = stood.flags;
    return;  // what was held back once is not held back again
  }
  const UringTag tag = UringTag::unpack(entry.user_data);
  if (!tag.ofSource() && tag.kind != UringKind::kChannel) return;
  // The kernel has carried it out, completion included, when the call returns.
  if (tag.kind == UringKind::kSendNow) return;
  // Those of one request keep their order.
  const auto isEarlier = [&](const Completion& other) { return other.userData == entry.user_data; };
  const bool follows = std::any_of(held_.begin(), held_.end(), isEarlier) ||
                       std::any_of(stood_.begin(), stood_.end(),
                                   [&](const auto& each) { return isEarlier(each.second); });
  if (follows || answerTo(Call::kUringCompletion, ring_.ring_fd, 0).late) holdBack(entry);
}

void RingSeam::holdBack(io_uring_cqe& entry) {
  held_.push_back({entry.user_data, entry.res, entry.flags});
  entry.user_data = UringTag{}.packed();
  entry.res = 0;
  entry.flags = 0;
}

// The other way round, but for those of one request.
void RingSeam::reorder(unsigned from, unsigned to) {
  std::vector<Completion> batch;
  for (unsigned at = from; at != to; ++at) {
    const io_uring_cqe& entry = completion(at);
    batch.push_back({entry.user_data, entry.res, entry.flags});
  }
  std::vector<Completion> turned(batch.rbegin(), batch.rend());
  std::unordered_map<std::uint64_t, std::size_t> next;
  for (Completion& each : turned) {
    std::size_t& at = next[each.userData];
    while (batch[at].userData != each.userData) ++at;
    each = batch[at++];
  }
  unsigned at = from;
  for (const Completion& each : turned) {
    io_uring_cqe& entry = completion(at++);
    entry.user_data = each.userData;
    entry.res = each.result;
    entry.flags = each.flags;
  }
}

std::mutex gMutex;
std::unordered_map<int, std::unique_ptr<RingSeam>>& rings() {
  static std::unordered_map<int, std::unique_ptr<RingSeam>> byFd;
  return byFd;
}

}  // namespace
}  // namespace tern::testing

using tern::testing::answerTo;
using tern::testing::Call;
using tern::testing::gMutex;
using tern::testing::next;
using tern::testing::rings;
using tern::testing::RingSeam;

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
extern "C" {

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* params) {
  static auto* const real =
      next<decltype(io_uring_queue_init_params)>("io_uring_queue_init_params");
  if (const int error = answerTo(Call::kUringSetUp, -1, 0).error; error != 0) return -error;
  const int result = real(entries, ring, params);
  if (result < 0) return result;
  auto seam = std::make_unique<RingSeam>(*ring);
  const std::lock_guard lock(gMutex);
  rings()[ring->ring_fd] = std::move(seam);
  return result;
}

void io_uring_queue_exit(io_uring* ring) {
  static auto* const real = next<decltype(io_uring_queue_exit)>("io_uring_queue_exit");
  {
    const std::lock_guard lock(gMutex);
    rings().erase(ring->ring_fd);
  }
  real(ring);
}

int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* registration, unsigned flags) {
  static auto* const real =
      next<decltype(io_uring_register_buf_ring)>("io_uring_register_buf_ring");
  const int error = answerTo(Call::kUringBuffers, ring->ring_fd, 0).error;
  return error != 0 ? -error : real(ring, registration, flags);
}

int io_uring_enter2(unsigned fd, unsigned submit, unsigned wait, unsigned flags, sigset_t* argument,
                    std::size_t size) {
  static auto* const real = next<decltype(io_uring_enter2)>("io_uring_enter2");
  RingSeam* seam = nullptr;
  {
    const std::lock_guard lock(gMutex);
    if (const auto found = rings().find(static_cast<int>(fd)); found != rings().end()) {
      seam = found->second.get();
    }
  }
  // Of this program's own: not one of tern's.
  if (seam == nullptr) return real(fd, submit, wait, flags, argument, size);
  return seam->enter(submit, wait, flags, argument, size);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
