// UringProbe: one real receive, and two sends, say more than a version number.
#include "UringProbe.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <vector>

#include "UringBuffers.h"
#include "UringRing.h"
#include "tern/base/Error.h"
#include "tern/base/UniqueFd.h"

namespace tern {
namespace {

constexpr std::uint64_t kReceiveTag = 1;
constexpr std::uint64_t kCancelTag = 2;
constexpr std::uint64_t kSmallTag = 3;
constexpr std::uint64_t kLargeTag = 4;
constexpr Duration kPatience = std::chrono::seconds(1);

std::optional<UringCompletion> await(UringRing& ring) {
  ring.enter(ring.completions() > 0 ? 0 : 1, kPatience);
  if (ring.completions() == 0) return std::nullopt;
  return ring.take();
}

void sendNow(UringRing& ring, int sender, std::span<const char> bytes, std::uint64_t tag) {
  io_uring_sqe* sqe = ring.next();
  io_uring_prep_send(sqe, sender, bytes.data(), bytes.size(),
                     MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(sqe, tag);
}

// Whether a send that does not wait says how much of it found no room, and, when all did, nothing.
bool sendsSayWhatIsLeft(UringRing& ring, int sender) {
  const int few = 1;
  ::setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
  const std::vector<char> much(std::size_t{64} * 1024);
  sendNow(ring, sender, std::span(much).first(1), kSmallTag);
  sendNow(ring, sender, much, kLargeTag);
  const auto completion = await(ring);
  return completion && completion->userData == kLargeTag && completion->result > 0 &&
         completion->result < static_cast<int>(much.size());
}

}  // namespace

std::string probeCompletionMode(UringRing& ring, UringBuffers& buffers) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throwSystemError(errno, "io_uring: a socket pair for probing the kernel");
  }
  const UniqueFd receiver(ends[0]);
  const UniqueFd sender(ends[1]);
  if (::send(sender.get(), "", 1, MSG_NOSIGNAL) != 1) return "a working socket pair";

  io_uring_sqe* sqe = ring.next();
  io_uring_prep_recv_multishot(sqe, receiver.get(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = UringBuffers::kGroup;
  io_uring_sqe_set_data64(sqe, kReceiveTag);

  bool received = false;
  bool armed = true;
  bool cancelling = false;
  while (armed || cancelling) {
    const auto completion = await(ring);
    if (!completion) return "an answer to a probe within a second";
    if (completion->userData == kCancelTag) {
      cancelling = false;
      continue;
    }
    if (completion->hasBuffer()) {
      static_cast<void>(buffers.taken(completion->buffer(), 1));
      buffers.publish();
      received = completion->result == 1;
    }
    if (!completion->more()) {
      armed = false;
    } else {
      sqe = ring.next();
      io_uring_prep_cancel64(sqe, kReceiveTag, 0);
      io_uring_sqe_set_data64(sqe, kCancelTag);
      cancelling = true;
    }
  }
  if (!received) return "multishot receive (Linux 6.0)";
  if (!sendsSayWhatIsLeft(ring, sender.get())) return "sends that say what is left (Linux 6.1)";
  return "";
}

}  // namespace tern
