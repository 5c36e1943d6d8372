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

// What the kernel may still touch: the fd, the bytes being sent, and the requests' states.
class StreamSource final : public UringSource {
 public:
  StreamSource(UringPoller& poller, UniqueFd fd, StreamHandler& handler)
      : poller_(poller), handler_(&handler), fd_(std::move(fd)) {}

  void setId(SlotId id) noexcept { id_ = id; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  void startReading();
  void stopReading();
  std::size_t send(OutputQueue& queue);
  void shutdownWrite();
  void leave() { poller_.abandon(id_, *this); }

  void onCompletion(UringKind kind, UringCompletion completion) override;
  void deliverKept() override;
  void onBuffersBack() override;
  void abandon() override;

 private:
  void armReceive();
  void armWatch();
  void onReceived(UringCompletion completion);
  void onWatched(UringCompletion completion);
  void armNext();
  void noteSize(int n);
  void deferDelivery();
  void onSendDone(int result);
  void submitSend();
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

  UringPoller& poller_;
  StreamHandler* handler_;  // null once the user's Stream is gone
  UniqueFd fd_;
  SlotId id_;
  OutputQueue sending_;           // owned by the kernel until the send completes
  std::size_t sent_ = 0;          // of the send in flight, by completions that fell short
  std::unique_ptr<Buffer> kept_;  // arrived while reading was stopped
  std::uint8_t streak_ = 0;       // see noteSize()
  bool bulky_ = false;            // shall receive into large buffers
  bool armedBulky_ = false;       // does
  bool delivers_ = false;
  bool reading_ = false;
  bool receiveArmed_ = false;
  bool receiveCancelled_ = false;
  bool starving_ = false;
  bool hadSome_ = false;  // since the receive was armed
  bool watchArmed_ = false;
  bool sendInFlight_ = false;
  bool shutdownWanted_ = false;
  bool deliveryDeferred_ = false;
  bool eof_ = false;      // the peer's FIN was received
  bool eofTold_ = false;  // and handed on
  bool failed_ = false;
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
    io_uring_prep_recv_multishot(sqe, fd_.get(), nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = poller_.receiveGroup(bulky_);
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
  switch (kind) {
    case UringKind::kReceive:
      // Nearly always: bytes, for a reader, from a receive that goes on.
      if (completion.more() && completion.result > 0 && delivers_) {
        ++poller_.counters().receives;
        hadSome_ = true;
        handler_->onData(poller_.taken(completion));
        // Last, as it may throw; the bytes are with the handler by then.
        if (delivers_) noteSize(completion.result);
        return;
      }
      try {
        onReceived(completion);
      } catch (...) {
        armNext();
        throw;
      }
      armNext();
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

void StreamSource::onReceived(UringCompletion completion) {
  ++poller_.counters().receives;
  if (!completion.more()) {
    receiveArmed_ = false;
    receiveCancelled_ = false;
  }
  const int n = completion.result;
  // Taken even when nobody listens any more: the poller gives back what was taken.
  std::span<const char> bytes;
  if (completion.buffer() >= 0) bytes = poller_.taken(completion);
  if (handler_ == nullptr || failed_) return;
  if (n > 0) {
    hadSome_ = true;
    if (!reading_ || kept_ != nullptr) {
      keep(bytes);
    } else {
      handler_->onData(bytes);
    }
  } else if (n == 0) {
    eof_ = true;
    if (reading_ && kept_ == nullptr) {
      eofTold_ = true;
      handler_->onEof();
    }
  } else if (n == -ENOBUFS) {
    if (armedBulky_) {
      // The large ones are few; the usual ones will do meanwhile.
      bulky_ = false;
    } else if (reading_ && !bulky_ && !starving_) {
      poller_.starve(id_, hadSome_);
      starving_ = true;
    }
  } else if (n != -ECANCELED && n != -EINTR && n != -EAGAIN) {
    fail(-n);
  }
}

// A stream that fills its buffers is bulky until it has long had little to say. The receive that is
// armed ends, and its last completion arms the one that receives into the other group.
void StreamSource::noteSize(int n) {
  const bool large = n >= poller_.bufferSize();
  if (!bulky_ && !large && streak_ == 0) return;
  if (large != bulky_) {
    streak_ = static_cast<std::uint8_t>(streak_ + kStep);
  } else if (streak_ > 0) {
    --streak_;
  }
  if (streak_ < kStreak || receiveCancelled_) return;
  poller_.cancel(id_, *this, UringKind::kReceive);
  receiveCancelled_ = true;
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
  } else if (eof_ && !std::exchange(eofTold_, true)) {
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
    sending_.swap(queue);
  } else {
    queue.moveFrontTo(sending_, UringMessages::kChunks);
  }
  sent_ = 0;
  submitSend();
  return 0;
}

void StreamSource::submitSend() {
  constexpr unsigned kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  const std::span<const char> front = sending_.front();
  // The result has 31 bits; what is left goes with the next send.
  if (front.size() == sending_.size() || front.size() > kMostAtOnce) {
    const std::size_t length = std::min(front.size(), kMostAtOnce);
    poller_.request(id_, *this, UringKind::kSend, [&](io_uring_sqe* sqe) {
      io_uring_prep_send(sqe, fd_.get(), front.data(), length, kFlags);
    });
  } else {
    UringMessages::Message& message = poller_.messages().take();
    message.header.msg_iovlen = sending_.gather(message.chunks, kMostAtOnce);
    poller_.request(id_, *this, UringKind::kSend, [&](io_uring_sqe* sqe) {
      io_uring_prep_sendmsg(sqe, fd_.get(), &message.header, kFlags);
    });
  }
  sendInFlight_ = true;
  ++poller_.counters().sends;
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
  // Nearly always.
  const bool untroubled = handler_ != nullptr && !failed_ && !shutdownWanted_;
  if (untroubled && result > 0 && static_cast<std::size_t>(result) == sending_.size()) {
    sending_.clear();
    handler_->onSent(sent_ + static_cast<std::size_t>(result));
    return;
  }
  if (handler_ == nullptr || failed_) {
    sending_.clear();
    return;
  }
  if (result == -ENOMEM || result == -ENOBUFS) {
    sendLater();
    return;
  }
  if (result < 0 && result != -EINTR && result != -EAGAIN) {
    sending_.clear();
    fail(-result);
    return;
  }
  if (result > 0) {
    sending_.consume(static_cast<std::size_t>(result));
    sent_ += static_cast<std::size_t>(result);
  }
  if (!sending_.empty()) {
    submitSend();
    return;
  }
  if (shutdownWanted_) ::shutdown(fd_.get(), SHUT_WR);
  handler_->onSent(sent_);
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
  // One cancellation for all that is in flight on the fd, which closes after the last answer:
  // close() alone would cancel nothing, and the peer would see no FIN.
  if (receiveArmed_ || watchArmed_ || sendInFlight_) {
    poller_.request(id_, *this, UringKind::kCancel, [this](io_uring_sqe* sqe) {
      io_uring_prep_cancel_fd(sqe, fd_.get(), IORING_ASYNC_CANCEL_ALL);
    });
  }
}

// What the user holds; the source lives on until the kernel is done with it.
class UringStream final : public Stream {
 public:
  ~UringStream() override {
    if (source_ != nullptr) source_->leave();
  }

  void attach(StreamSource& source) noexcept { source_ = &source; }
  void startReading() override { source_->startReading(); }
  void stopReading() override { source_->stopReading(); }
  std::size_t send(OutputQueue& queue) override { return source_->send(queue); }
  void shutdownWrite() override { source_->shutdownWrite(); }
  [[nodiscard]] int fd() const noexcept override { return source_->fd(); }

 private:
  StreamSource* source_ = nullptr;
};

}  // namespace

std::unique_ptr<Stream> openUringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler) {
  setNonBlocking(fd.get(), false);
  auto source = std::make_unique<StreamSource>(poller, std::move(fd), handler);
  StreamSource& stays = *source;
  auto stream = std::make_unique<UringStream>();
  stays.setId(poller.add(std::move(source)));
  stream->attach(stays);
  return stream;
}

}  // namespace tern
