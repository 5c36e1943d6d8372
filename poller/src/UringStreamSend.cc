// UringStream: sending, with one request in flight.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>

#include "UringMessages.h"
#include "UringStream.h"

namespace tern {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30U;
constexpr unsigned kSendFlags = MSG_NOSIGNAL | MSG_WAITALL;

// One request can send it all.
inline bool isPlain(const OutputQueue& queue) {
  return queue.isOneChunk() && queue.knownFront().size() <= kMostAtOnce;
}

}  // namespace

// A send that finds room, as nearly all do, costs no completion so. Of one that does not, what is
// left waits for room. Without a call there is no frame.
std::size_t UringStream::send(OutputQueue& queue) {
  if (sendInFlight_ || failed_ || queue.empty()) return 0;
  if (!isPlain(queue) || !poller_.mayRequestNow()) [[unlikely]] {
    return sendOther(queue);
  }
  const std::span<const char> bytes = queue.knownFront();
  poller_.requestNow(*this, [&](io_uring_sqe* sqe) {
    io_uring_prep_send(sqe, fd_.get(), bytes.data(), bytes.size(), kSendFlags | MSG_DONTWAIT);
  });
  ++poller_.counters().sends;
  sendInFlight_ = sendsNow_ = true;
  sending_.takeAll(queue);
  return bytes.size();
}

std::size_t UringStream::sendOther(OutputQueue& queue) {
  if (isPlain(queue) && poller_.makeRoomForNow()) return send(queue);
  queue.moveFrontTo(sending_, UringMessages::kChunks);
  try {
    submitSend();
  } catch (...) {
    // Nothing of it has left.
    queue.moveFrontTo(sending_, SIZE_MAX);
    queue.takeAll(sending_);
    throw;
  }
  return sending_.size();
}

// Whatever it meets, the send of what is left will meet, too, and deal with.
std::size_t UringStream::sendNow(std::span<const char> bytes) {
  if (sendInFlight_ || failed_) return 0;
  ++poller_.counters().sends;
  const int n = poller_.runNow([&](io_uring_sqe* sqe) {
    io_uring_prep_send(sqe, fd_.get(), bytes.data(), std::min(bytes.size(), kMostAtOnce),
                       MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  return static_cast<std::size_t>(std::max(n, 0));
}

// What it does not cover goes with the next one.
void UringStream::submitSend() {
  UringMessages::Message* message = sending_.isOneChunk() ? nullptr : poller_.messages().take();
  if (message != nullptr) {
    submitGathered(*message);
  } else {
    const std::span<const char> front = sending_.knownFront();
    // The result has 31 bits.
    const std::size_t size = std::min(front.size(), kMostAtOnce);
    poller_.request(*this, UringKind::kSend, [&](io_uring_sqe* sqe) {
      io_uring_prep_send(sqe, fd_.get(), front.data(), size, kSendFlags);
    });
  }
  sendInFlight_ = true;
  ++poller_.counters().sends;
}

void UringStream::submitGathered(UringMessages::Message& message) {
  message.header.msg_iovlen = sending_.gather(message.chunks, kMostAtOnce);
  iovec& first = message.chunks[0];
  first.iov_len = std::min(first.iov_len, kMostAtOnce);
  poller_.request(*this, UringKind::kSend, [&](io_uring_sqe* sqe) {
    io_uring_prep_sendmsg(sqe, fd_.get(), &message.header, kSendFlags);
  });
}

// The kernel was short of memory, which passes: tried again a little later. Until then the send
// counts as in flight.
void UringStream::sendLater() {
  static constexpr __kernel_timespec kPause{0, 10'000'000};
  poller_.request(*this, UringKind::kPause, [](io_uring_sqe* sqe) {
    // The kernel only reads it.
    io_uring_prep_timeout(sqe, const_cast<__kernel_timespec*>(&kPause), 0, 0);
  });
  sendInFlight_ = true;
}

void UringStream::allSent(std::size_t last) {
  if (shutdownWanted_) ::shutdown(fd_.get(), SHUT_WR);
  handler_->onSent(last);
}

void UringStream::onSendDone(int result) {
  sendInFlight_ = false;
  if (handler_ == nullptr || failed_) {
    sending_.clear();
    return;
  }
  if (result <= 0) {
    sendStuck(result);
    return;
  }
  const auto sent = static_cast<std::size_t>(result);
  sending_.consume(sent);
  if (sending_.empty()) {
    allSent(sent);
  } else if (goesOn(&UringStream::submitSend)) {
    handler_->onSent(sent);
  }
}

// Without memory for the request of what is left, the stream has a gap: it must not go on.
bool UringStream::goesOn(void (UringStream::*submit)()) {
  try {
    (this->*submit)();
    return true;
  } catch (const std::bad_alloc&) {
    sending_.clear();
    fail(ENOMEM);
    return false;
  }
}

void UringStream::sendStuck(int result) {
  if (result == -ENOMEM || result == -ENOBUFS) {
    static_cast<void>(goesOn(&UringStream::sendLater));
  } else if (result == 0 || result == -EINTR || result == -EAGAIN) {
    static_cast<void>(goesOn(&UringStream::submitSend));
  } else {
    sending_.clear();
    fail(-result);
  }
}

void UringStream::shutdownWrite() {
  shutdownWanted_ = true;
  // With a send pending it would fail that send.
  if (!sendInFlight_) ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace tern
