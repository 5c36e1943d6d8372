// TcpConnectionCalls: what users call, on whatever thread, and its way to the loop.
#include <utility>

#include "ConnectionExtras.h"
#include "ConnectionSet.h"
#include "TaskQueue.h"
#include "TcpConnectionCallback.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {
namespace {

constexpr std::size_t kLargePiece = std::size_t{64} * 1024;

}  // namespace

// A functor for the loop keeps the connection alive; with the loop gone it is dropped.
template <class Post>
void TcpConnection::onLoop(Post&& post) {
  if (tasks_->isLoopThread()) {
    post(*this);
  } else {
    tasks_->post(
        [self = shared_from_this(), post = std::forward<Post>(post)]() mutable { post(*self); });
  }
}

void TcpConnection::sendView(std::string_view bytes) {
  // Nearly always: the first reply of a callback.
  if (direct_ == first() && OutputQueue::fitsSpare(bytes)) {
    direct_ = this;
    output_.appendToSpare(bytes);
  } else {
    sendBehind(bytes);
  }
}

// A further reply of the callback, one too large for a spare block, or one from elsewhere.
void TcpConnection::sendBehind(std::string_view bytes) {
  const bool simple = tasks_->isLoopThread() && plain_ && callbackDepth_ > 0;
  if (!simple || bytes.size() >= kLargePiece) {
    sendWithCare(bytes);
    return;
  }
  output_.append(bytes);
  if (!output_.empty() && queuedBytes() + output_.roomInTail() <= callbacks_->firstMark()) {
    direct_ = this;
  } else {
    sendNextWithCare();
    appended();
  }
}

void TcpConnection::sendWithCare(std::string_view bytes) {
  if (!tasks_->isLoopThread()) {
    send(std::string(bytes));
  } else if (bytes.size() < kLargePiece) {
    sendInLoop(bytes);
  } else {
    sendInLoop(sendLarge(bytes));
  }
}

void TcpConnection::send(std::string&& bytes) {
  if (!connected()) return;
  onLoop([bytes = std::move(bytes)](TcpConnection& self) mutable {
    self.sendInLoop(std::move(bytes));
  });
}

void TcpConnection::send(std::shared_ptr<const std::string> bytes) {
  if (tasks_->isLoopThread()) {
    sendInLoop(std::move(bytes));
    return;
  }
  if (!connected()) return;
  onLoop([bytes = std::move(bytes)](TcpConnection& self) mutable {
    self.sendInLoop(std::move(bytes));
  });
}

void TcpConnection::send(Buffer* buffer) {
  send(buffer->view());
  buffer->retrieveAll();
}

void TcpConnection::shutdown() {
  onLoop([](TcpConnection& self) { self.shutdownInLoop(); });
}

void TcpConnection::forceClose() {
  onLoop([](TcpConnection& self) { self.forceCloseInLoop({}, CloseCause::kForced); });
}

void TcpConnection::forceCloseWithDelay(Delay delay) {
  if (disconnected()) return;
  onLoop([delay](TcpConnection& self) {
    if (self.disconnected()) return;
    self.loop().runAfter(delay, [weak = self.weak_from_this()] {
      if (const TcpConnectionPtr connection = weak.lock()) connection->forceClose();
    });
  });
}

void TcpConnection::stopRead() {
  onLoop([](TcpConnection& self) { self.setReadingInLoop(false); });
}

void TcpConnection::startRead() {
  onLoop([](TcpConnection& self) { self.setReadingInLoop(true); });
}

// --- on the loop's thread ---

// Too large to share a segment with anything else: copying it would be all that waiting gains.
std::string_view TcpConnection::sendLarge(std::string_view bytes) {
  if (!sendsFreely() || outputBytes() > 0) return bytes;
  const std::size_t taken = stream_->sendNow(bytes);
  set_->counters().sent.add(taken);
  return bytes.substr(taken);
}

template <class Bytes>
void TcpConnection::sendInLoop(Bytes&& bytes) {
  if (!plain_ && (!connected() || closeRequested_)) return;
  // Behind these, marks may be nearer.
  sendNextWithCare();
  append(std::forward<Bytes>(bytes));
  appended();
}

template <class Bytes>
void TcpConnection::append(Bytes&& bytes) {
  if (hasFiles()) {
    extras_->files->append(std::forward<Bytes>(bytes));
  } else {
    output_.append(std::forward<Bytes>(bytes));
  }
}

void TcpConnection::appended() {
  const std::size_t waiting = outputBytes();
  if (waiting > callbacks_->firstMark()) aboveAMark(waiting);
  if (plain_ && callbackDepth_ > 0) return;
  if (waiting == 0) return;
  writeCompleteDue_ = true;
  if (callbackDepth_ == 0) scheduleTurnEnd();
}

void TcpConnection::aboveAMark(std::size_t now) {
  if (now > callbacks_->outputLimit) {
    log(LogLevel::kWarn, [&] {
      return name() + ": " + std::to_string(now) +
             " bytes wait to be sent, above the "
             "limit of " +
             std::to_string(callbacks_->outputLimit) + "; closed";
    });
    forceCloseInLoop(std::make_error_code(std::errc::no_buffer_space), CloseCause::kOutputLimit);
    return;
  }
  if (aboveHighMark_ || now <= callbacks_->highMark) return;
  aboveHighMark_ = true;
  updatePlain();
  if (!callbacks_->highWaterMark) return;
  // Later in this turn, not inside send().
  callLater([now](TcpConnection& self) {
    if (!self.callbacks_->highWaterMark) return;
    self.runCallback([&] { self.callbacks_->highWaterMark(self.self_, now); });
  });
}

void TcpConnection::shutdownInLoop() {
  if (!connected()) return;
  if (!eof_) noteCause(CloseCause::kServer);
  setState(State::kDisconnecting);
  // Within a callback, what that callback sent goes first.
  if (callbackDepth_ == 0) scheduleTurnEnd();
}

void TcpConnection::drain() {
  if (!connected() || closeRequested_) return;
  if (callbacks_->drain) {
    runCallback([this] { callbacks_->drain(self_); });
  } else {
    shutdownInLoop();
  }
}

void TcpConnection::forceCloseInLoop(std::error_code reason, CloseCause cause) {
  if (disconnected()) return;
  if (!closeRequested_) setReason(reason);
  noteCause(cause);
  closeRequested_ = true;
  // What this says is for the callback that asked; the stream ends soon enough by itself.
  reading_ = false;
  updatePlain();
  if (callbackDepth_ == 0) scheduleTurnEnd();
}

void TcpConnection::setReadingInLoop(bool on) {
  if (disconnected() || closeRequested_ || on == reading_) return;
  if (inputDue_) {
    if (on) queueInput();
    reading_ = on;
  } else {
    reading_ = on;
    readStream(on);
  }
}

void TcpConnection::readStream(bool on) {
  try {
    if (on) {
      stream_->startReading();
    } else {
      stream_->stopReading();
    }
  } catch (const std::system_error& error) {
    log(LogLevel::kError, [&] { return name() + ": " + error.what() + "; closed"; });
    forceCloseInLoop(error.code(), CloseCause::kError);
  }
}

}  // namespace tern
