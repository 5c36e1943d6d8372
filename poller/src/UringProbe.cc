// UringProbe: one real receive says more than a version number.
#include "UringProbe.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "UringBuffers.h"
#include "UringRing.h"
#include "tern/base/Error.h"
#include "tern/base/UniqueFd.h"

namespace tern {
namespace {

constexpr std::uint64_t kReceiveTag = 1;
constexpr std::uint64_t kCancelTag = 2;
constexpr Duration kPatience = std::chrono::seconds(1);

std::optional<UringCompletion> await(UringRing& ring) {
  ring.enter(ring.completions() > 0 ? 0 : 1, kPatience);
  if (ring.completions() == 0) return std::nullopt;
  return ring.take();
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
    if (completion->buffer() >= 0) {
      const auto id = static_cast<std::uint16_t>(completion->buffer());
      static_cast<void>(buffers.taken(id, 1));
      buffers.giveBack(id);
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
  return received ? "" : "multishot receive (Linux 6.0)";
}

}  // namespace tern
