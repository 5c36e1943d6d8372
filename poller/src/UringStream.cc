// UringStream: its life, and receiving: multishot into provided buffers, or much at once.
#include "UringStream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "FdMode.h"
#include "tern/base/Error.h"
#include "tern/poller/SocketError.h"

namespace tern {
namespace {

// A full buffer more than makes up for a small one: a message may end a few bytes behind a buffer.
constexpr unsigned kStep = 3;
constexpr unsigned kStreak = 12;

}  // namespace

void UringStream::startReading() {
  reading_ = true;
  updateDelivers();
  if (failed_) return;
  const bool something = kept_ != nullptr || (eof_ && !eofTold_);
  if (something) deferDelivery();
  armReceive();
}

void UringStream::stopReading() {
  reading_ = false;
  updateDelivers();
  if (failed_) return;
  if (receiveArmed_ && !receiveCancelled_) {
    poller_.cancel(*this, UringKind::kReceive);
    receiveCancelled_ = true;
  }
  armWatch();
}

// A cancelled receive is armed anew only by its final completion: two at once would race for the
// bytes and could deliver them out of order.
void UringStream::armReceive() {
  if (!wantsMore() || receiveArmed_ || starving_) return;
  poller_.request(*this, UringKind::kReceive, [this](io_uring_sqe* sqe) {
    if (bulky_) {
      io_uring_prep_poll_add(sqe, fd_.get(), POLLIN);
    } else {
      io_uring_prep_recv_multishot(sqe, fd_.get(), nullptr, 0, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = UringBuffers::kGroup;
    }
  });
  receiveArmed_ = true;
  armedBulky_ = bulky_;
  hadSome_ = false;
}

// With no receive in flight nobody would hear of a reset. A poll without any event reports errors
// and hang-ups; also the peer's FIN, at once if it is there already. Hence multishot: it goes on
// after that one, and reports the next change.
void UringStream::armWatch() {
  if (watchArmed_) return;
  poller_.request(*this, UringKind::kWatch,
                  [this](io_uring_sqe* sqe) { io_uring_prep_poll_multishot(sqe, fd_.get(), 0); });
  watchArmed_ = true;
}

void UringStream::onCompletion(UringKind kind, UringCompletion completion) {
  switch (kind) {
    case UringKind::kReceive:
      try {
        onReceived(completion);
      } catch (...) {
        armNext();
        throw;
      }
      armNext();
      break;
    case UringKind::kSendNow:
      sendsNow_ = false;
      onSendDone(completion.result);
      break;
    case UringKind::kSend:
      onSendDone(completion.result);
      break;
    case UringKind::kPause:
      onSendDone(0);
      break;
    case UringKind::kWatch:
      onWatched(completion);
      break;
    default:
      break;  // a cancellation: what it cancelled tells the rest
  }
}

void UringStream::onReceived(UringCompletion completion) {
  if (!completion.more()) {
    receiveArmed_ = false;
    receiveCancelled_ = false;
  }
  const int n = completion.result;
  // Taken even when nobody listens any more: the poller gives back what was taken.
  std::span<const char> bytes;
  if (completion.hasBuffer()) bytes = poller_.taken(completion);
  if (handler_ == nullptr || failed_) return;
  if (armedBulky_ && n >= 0) {
    receiveMuch();
    return;
  }
  countReceive(n);
  if (n > 0) {
    hadSome_ = true;
    if (!reading_ || kept_ != nullptr) {
      keep(bytes);
    } else {
      handler_->onData(bytes);
      // Last, as it may throw; the bytes are with the handler by then. A receive that has ended
      // says more of the ring than of the stream.
      if (delivers_ && completion.more()) noteSize(n);
    }
  } else if (n == 0) {
    ended();
  } else if (n == -ENOBUFS) {
    if (reading_ && !bulky_ && !starving_) {
      poller_.starve(*this, hadSome_);
      starving_ = true;
    }
  } else if (n != -ECANCELED && n != -EINTR && n != -EAGAIN) {
    fail(-n);
  }
}

// What is armed for a bulky stream is no receive. The multishot one, which is to end because the
// stream has become bulky, may bring several more.
void UringStream::countReceive(int n) {
  if (armedBulky_) return;
  ++poller_.counters().receives;
  if (bulky_ || n >= poller_.bufferSize()) poller_.noteBulky();
}

void UringStream::ended() {
  eof_ = true;
  if (!reading_ || kept_ != nullptr) return;
  eofTold_ = true;
  handler_->onEof();
}

// Of a bulky stream that is readable: into the handler's own memory, if it has some, else into a
// block that all share. What was kept goes first, and then the poll is armed again.
void UringStream::receiveMuch() {
  if (!reading_ || kept_ != nullptr) return;
  const std::span<char> room = poller_.bulkRoom(*handler_, poller_.bulkSize());
  ++poller_.counters().receives;
  const int n = poller_.runNow([&](io_uring_sqe* sqe) {
    io_uring_prep_recv(sqe, fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
  });
  if (n > 0) {
    noteSize(n);
    handler_->onData(room.first(static_cast<std::size_t>(n)));
  } else if (n == 0) {
    ended();
  } else if (n == -EBUSY) {
    // A poll armed at once would take the room again that the ring lacks.
    poller_.postpone(*this);
    starving_ = true;
  } else if (n != -EAGAIN && n != -EINTR && n != -ENOMEM && n != -ENOBUFS) {
    fail(-n);
  }
}

// A stream that fills its buffers is bulky until it has long had little to say; what brings more
// than a buffer counts for as many as it would have filled. The receive that is armed ends, and its
// last completion arms one of the other sort.
void UringStream::noteSize(int n) {
  const bool large = n >= poller_.bufferSize();
  if (large != bulky_) {
    streak_ = static_cast<std::uint8_t>(std::min(streak_ + kStep, kStreak) & 0xFU);
  } else if (streak_ > 0) {
    const int buffers = large ? n / poller_.bufferSize() : 1;
    streak_ = static_cast<std::uint8_t>(std::max(streak_ - buffers, 0) & 0xF);
  }
  if (streak_ < kStreak || receiveCancelled_) return;
  if (receiveArmed_) {
    poller_.cancel(*this, UringKind::kReceive);
    receiveCancelled_ = true;
  }
  bulky_ = !bulky_;
  streak_ = 0;
}

// After a receive, whatever its result, and whatever the user's callback did.
void UringStream::armNext() {
  armReceive();
  const bool nobodyReceives = handler_ != nullptr && !failed_ && (eof_ || !reading_);
  if (nobodyReceives) armWatch();
}

// Without memory for them the stream has a gap: it must not go on.
void UringStream::keep(std::span<const char> bytes) {
  try {
    if (kept_ == nullptr) kept_ = std::make_unique<Buffer>();
    kept_->append(bytes.data(), bytes.size());
    delivers_ = false;
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);
  }
}

// One thing at a time, and the next one deferred beforehand: the handler may throw.
void UringStream::deliverKept() {
  deliveryDeferred_ = false;
  if (handler_ == nullptr || failed_ || !reading_) return;
  if (kept_ != nullptr) {
    const std::unique_ptr<Buffer> bytes = std::move(kept_);
    updateDelivers();
    if (eof_) deferDelivery();
    handler_->onData({bytes->peek(), bytes->readableBytes()});
  } else if (eof_ && !eofTold_) {
    eofTold_ = true;
    handler_->onEof();
  }
}

void UringStream::deferDelivery() {
  if (deliveryDeferred_) return;
  poller_.deferDelivery(*this);
  deliveryDeferred_ = true;
}

void UringStream::onBuffersBack() {
  starving_ = false;
  armReceive();
}

void UringStream::onWatched(UringCompletion completion) {
  if (!completion.more()) watchArmed_ = false;
  // While the user reads, the receive reports the same, behind the bytes that came before it.
  const bool receives = reading_ && !eof_;
  if (handler_ == nullptr || failed_ || receives) return;
  const int error = takeSocketError(fd_.get());
  const bool bothEnded = completion.result > 0 && (completion.result & POLLHUP) != 0;
  if (error != 0) {
    fail(error);
  } else if (!bothEnded) {
    // Without an error and with both directions ended nothing more can happen before the user
    // reads; armed again, it would report that for ever.
    armWatch();
  }
}

void UringStream::fail(int errnum) {
  failed_ = true;
  delivers_ = false;
  handler_->onError(systemError(errnum));
}

void UringStream::abandon() {
  handler_ = nullptr;
  delivers_ = false;
  kept_.reset();
  // The fd closes after the last answer: close() alone would cancel nothing, and the peer would see
  // no FIN. One by one, as the kernel finds a request by its tag at once; to find those of an fd it
  // looks at every request of the ring.
  if (receiveArmed_) poller_.cancel(*this, UringKind::kReceive);
  if (watchArmed_) poller_.cancel(*this, UringKind::kWatch);
  if (sendInFlight_ && !sendsNow_) poller_.cancel(*this, UringKind::kSend);
}

StreamPtr openUringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler) {
  setNonBlocking(fd.get(), false);
  auto source = std::make_unique<UringStream>(poller, std::move(fd), handler);
  UringStream& stays = *source;
  poller.add(std::move(source));
  return StreamPtr(&stays);
}

}  // namespace tern
