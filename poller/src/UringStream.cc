// UringStream: multishot receive into provided buffers, one send in flight, and the states between.
#include "UringStream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "FdMode.h"
#include "SocketError.h"
#include "UringPoller.h"
#include "tern/base/Buffer.h"
#include "tern/base/Error.h"
#include "tern/base/OutputQueue.h"

namespace tern {
namespace {

// A full buffer more than makes up for a small one: a message may end a few bytes behind a buffer.
constexpr unsigned kStep = 3;
constexpr unsigned kStreak = 12;
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30U;
constexpr unsigned kSendFlags = MSG_NOSIGNAL | MSG_WAITALL;

// What the user holds, and what the kernel may still touch: the fd, the bytes being sent, and the
// requests' states. It lives on until the kernel is done with it.
class StreamSource final : public Stream, public UringSource {
 public:
  StreamSource(UringPoller& poller, UniqueFd fd, StreamHandler& handler)
      : fd_(std::move(fd)), poller_(poller), handler_(&handler) {}

  void setId(SlotId id) noexcept { id_ = id; }

  void startReading() override;
  void stopReading() override;
  std::size_t send(OutputQueue& queue) override;
  std::size_t sendNow(std::span<const char> bytes) override;
  void shutdownWrite() override;
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

  void onCompletion(UringKind kind, UringCompletion completion) override;
  void deliverKept() override;
  void onBuffersBack() override;
  void abandon() override;

 private:
  void close() noexcept override { poller_.abandon(id_, *this); }

  void armReceive();
  void armWatch();
  // Cold: kept out of line, so that what is called for each message needs few registers.
  [[gnu::cold]] void onOther(UringKind kind, UringCompletion completion);
  void onReceived(UringCompletion completion);
  void receiveMuch();
  void ended();
  void onWatched(UringCompletion completion);
  void armNext();
  [[gnu::cold]] void noteSize(int n);
  void deferDelivery();
  void onSendDone(int result);
  [[gnu::cold]] void sendStuck(int result);
  void submitSend();
  [[gnu::cold]] void submitGathered();
  void sendLater();
  void keep(std::span<const char> bytes);
  void fail(int errnum);
  /// Whether bytes that arrive now go straight to the handler.
  void updateDelivers() noexcept {
    delivers_ = handler_ != nullptr && reading_ && !failed_ && kept_ == nullptr;
  }
  /// Receiving goes on: the user wants it, and nothing has ended it.
  [[nodiscard]] bool wantsMore() const noexcept {
    return handler_ != nullptr && reading_ && !eof_ && !failed_;
  }

  // The order, and the widths of the flags, make for few bytes, as in TcpConnection.
  bool delivers_ : 1 = false;
  std::uint8_t streak_ : 4 = 0;  // see noteSize()
  bool bulky_ : 1 = false;       // shall wait until it is readable, to receive much at once
  bool armedBulky_ : 1 = false;  // does
  bool reading_ : 1 = false;
  bool receiveArmed_ : 1 = false;
  bool receiveCancelled_ : 1 = false;
  bool starving_ : 1 = false;
  bool hadSome_ : 1 = false;  // since the receive was armed
  bool watchArmed_ : 1 = false;
  bool sendInFlight_ : 1 = false;
  bool shutdownWanted_ : 1 = false;
  bool deliveryDeferred_ : 1 = false;
  bool eof_ : 1 = false;      // the peer's FIN was received
  bool eofTold_ : 1 = false;  // and handed on
  bool failed_ : 1 = false;
  UniqueFd fd_;
  UringPoller& poller_;
  StreamHandler* handler_;  // null once the user's StreamPtr is gone
  SlotId id_;
  OutputQueue sending_;           // owned by the kernel until the send completes
  std::unique_ptr<Buffer> kept_;  // arrived while reading was stopped
};

void StreamSource::startReading() {
  reading_ = true;
  updateDelivers();
  if (failed_) return;
  const bool something = kept_ != nullptr || (eof_ && !eofTold_);
  if (something) deferDelivery();
  armReceive();
}

void StreamSource::stopReading() {
  reading_ = false;
  updateDelivers();
  if (failed_) return;
  if (receiveArmed_ && !receiveCancelled_) {
    poller_.cancel(id_, *this, UringKind::kReceive);
    receiveCancelled_ = true;
  }
  armWatch();
}

// A cancelled receive is armed anew only by its final completion: two at once would race for the
// bytes and could deliver them out of order.
void StreamSource::armReceive() {
  if (!wantsMore() || receiveArmed_ || starving_) return;
  poller_.request(id_, *this, UringKind::kReceive, [this](io_uring_sqe* sqe) {
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
void StreamSource::armWatch() {
  if (watchArmed_) return;
  poller_.request(id_, *this, UringKind::kWatch,
                  [this](io_uring_sqe* sqe) { io_uring_prep_poll_multishot(sqe, fd_.get(), 0); });
  watchArmed_ = true;
}

void StreamSource::onCompletion(UringKind kind, UringCompletion completion) {
  // Nearly always: bytes, for a reader, from a receive that goes on; or a send that is done.
  if (kind == UringKind::kReceive && completion.more() && completion.result > 0 && delivers_) {
    ++poller_.counters().receives;
    hadSome_ = true;
    handler_->onData(poller_.taken(completion));
    // Last, as it may throw; the bytes are with the handler by then.
    const bool sizeTells = streak_ > 0 || completion.result >= poller_.bufferSize();
    if (sizeTells && delivers_) noteSize(completion.result);
  } else if (kind == UringKind::kSend) {
    onSendDone(completion.result);
  } else {
    onOther(kind, completion);
  }
}

void StreamSource::onOther(UringKind kind, UringCompletion completion) {
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

void StreamSource::onReceived(UringCompletion completion) {
  if (!completion.more()) {
    receiveArmed_ = false;
    receiveCancelled_ = false;
  }
  const int n = completion.result;
  // Taken even when nobody listens any more: the poller gives back what was taken.
  std::span<const char> bytes;
  if (completion.buffer() >= 0) bytes = poller_.taken(completion);
  if (handler_ == nullptr || failed_) return;
  if (armedBulky_ && n >= 0) {
    receiveMuch();
    return;
  }
  ++poller_.counters().receives;
  if (n > 0) {
    hadSome_ = true;
    if (!reading_ || kept_ != nullptr) {
      keep(bytes);
    } else {
      handler_->onData(bytes);
    }
  } else if (n == 0) {
    ended();
  } else if (n == -ENOBUFS) {
    if (reading_ && !bulky_ && !starving_) {
      poller_.starve(id_, hadSome_);
      starving_ = true;
    }
  } else if (n != -ECANCELED && n != -EINTR && n != -EAGAIN) {
    fail(-n);
  }
}

void StreamSource::ended() {
  eof_ = true;
  if (!reading_ || kept_ != nullptr) return;
  eofTold_ = true;
  handler_->onEof();
}

// Of a bulky stream that is readable: into the handler's own memory, if it has some, else into a
// block that all share. What was kept goes first, and then the poll is armed again.
void StreamSource::receiveMuch() {
  if (!reading_ || kept_ != nullptr) return;
  std::span<char> room = handler_->receiveRoom();
  if (room.empty()) room = poller_.bulkBlock();
  room = room.first(std::min(room.size(), poller_.bulkSize()));
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
    poller_.postpone(id_);
    starving_ = true;
  } else if (n != -EAGAIN && n != -EINTR && n != -ENOMEM) {
    fail(-n);
  }
}

// A stream that fills its buffers is bulky until it has long had little to say. The receive that is
// armed ends, and its last completion arms one of the other sort.
void StreamSource::noteSize(int n) {
  const bool large = n >= poller_.bufferSize();
  if (large != bulky_) {
    streak_ = static_cast<std::uint8_t>(std::min(streak_ + kStep, kStreak) & 0xFU);
  } else if (streak_ > 0) {
    --streak_;
  }
  if (streak_ < kStreak || receiveCancelled_) return;
  if (receiveArmed_) {
    poller_.cancel(id_, *this, UringKind::kReceive);
    receiveCancelled_ = true;
  }
  bulky_ = !bulky_;
  streak_ = 0;
}

// After a receive, whatever its result, and whatever the user's callback did.
void StreamSource::armNext() {
  armReceive();
  const bool nobodyReceives = handler_ != nullptr && !failed_ && (eof_ || !reading_);
  if (nobodyReceives) armWatch();
}

// Without memory for them the stream has a gap: it must not go on.
void StreamSource::keep(std::span<const char> bytes) {
  try {
    if (kept_ == nullptr) kept_ = std::make_unique<Buffer>();
    kept_->append(bytes.data(), bytes.size());
    delivers_ = false;
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);
  }
}

// One thing at a time, and the next one deferred beforehand: the handler may throw.
void StreamSource::deliverKept() {
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

void StreamSource::deferDelivery() {
  if (deliveryDeferred_) return;
  poller_.deferDelivery(id_);
  deliveryDeferred_ = true;
}

void StreamSource::onBuffersBack() {
  starving_ = false;
  armReceive();
}

void StreamSource::onWatched(UringCompletion completion) {
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

std::size_t StreamSource::send(OutputQueue& queue) {
  if (sendInFlight_ || failed_ || queue.empty()) return 0;
  if (queue.front().size() == queue.size()) {
    sending_.swap(queue);  // it was empty
  } else {
    queue.moveFrontTo(sending_, UringMessages::kChunks);
  }
  submitSend();
  return sending_.size();
}

// Whatever it meets, the send of what is left will meet, too, and deal with.
std::size_t StreamSource::sendNow(std::span<const char> bytes) {
  if (sendInFlight_ || failed_) return 0;
  ++poller_.counters().sends;
  const int n = poller_.runNow([&](io_uring_sqe* sqe) {
    io_uring_prep_send(sqe, fd_.get(), bytes.data(), std::min(bytes.size(), kMostAtOnce),
                       MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  return static_cast<std::size_t>(std::max(n, 0));
}

void StreamSource::submitSend() {
  const std::span<const char> front = sending_.front();
  if (front.size() < sending_.size() || front.size() > kMostAtOnce) {
    submitGathered();
  } else {
    poller_.request(id_, *this, UringKind::kSend, [&](io_uring_sqe* sqe) {
      io_uring_prep_send(sqe, fd_.get(), front.data(), front.size(), kSendFlags);
    });
  }
  sendInFlight_ = true;
  ++poller_.counters().sends;
}

// Several chunks, or one for which the 31 bits of a result are too few: what is left goes with the
// next send.
void StreamSource::submitGathered() {
  UringMessages::Message& message = poller_.messages().take();
  message.header.msg_iovlen = sending_.gather(message.chunks, kMostAtOnce);
  iovec& first = message.chunks[0];
  first.iov_len = std::min(first.iov_len, kMostAtOnce);
  poller_.request(id_, *this, UringKind::kSend, [&](io_uring_sqe* sqe) {
    io_uring_prep_sendmsg(sqe, fd_.get(), &message.header, kSendFlags);
  });
}

// The kernel was short of memory, which passes: tried again a little later. Until then the send
// counts as in flight.
void StreamSource::sendLater() {
  static constexpr __kernel_timespec kPause{0, 10'000'000};
  poller_.request(id_, *this, UringKind::kPause, [](io_uring_sqe* sqe) {
    // The kernel only reads it.
    io_uring_prep_timeout(sqe, const_cast<__kernel_timespec*>(&kPause), 0, 0);
  });
  sendInFlight_ = true;
}

void StreamSource::onSendDone(int result) {
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
  if (!sending_.empty()) {
    submitSend();
  } else if (shutdownWanted_) {
    ::shutdown(fd_.get(), SHUT_WR);
  }
  handler_->onSent(sent);
}

void StreamSource::sendStuck(int result) {
  if (result == -ENOMEM || result == -ENOBUFS) {
    sendLater();
  } else if (result == 0 || result == -EINTR || result == -EAGAIN) {
    submitSend();
  } else {
    sending_.clear();
    fail(-result);
  }
}

void StreamSource::shutdownWrite() {
  shutdownWanted_ = true;
  // With a send pending it would fail that send.
  if (!sendInFlight_) ::shutdown(fd_.get(), SHUT_WR);
}

void StreamSource::fail(int errnum) {
  failed_ = true;
  delivers_ = false;
  handler_->onError(systemError(errnum));
}

void StreamSource::abandon() {
  handler_ = nullptr;
  delivers_ = false;
  kept_.reset();
  // The fd closes after the last answer: close() alone would cancel nothing, and the peer would see
  // no FIN. One by one, as the kernel finds a request by its tag at once; to find those of an fd it
  // looks at every request of the ring.
  if (receiveArmed_) poller_.cancel(id_, *this, UringKind::kReceive);
  if (watchArmed_) poller_.cancel(id_, *this, UringKind::kWatch);
  if (sendInFlight_) poller_.cancel(id_, *this, UringKind::kSend);
}

}  // namespace

StreamPtr openUringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler) {
  setNonBlocking(fd.get(), false);
  auto source = std::make_unique<StreamSource>(poller, std::move(fd), handler);
  StreamSource& stays = *source;
  stays.setId(poller.add(std::move(source)));
  return StreamPtr(&stays);
}

}  // namespace tern
