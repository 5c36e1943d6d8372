// TcpConnection: one state machine for readiness and completion, with flushing at the edges.
#include "tern/net/TcpConnection.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "ConnectionExtras.h"
#include "ConnectionSet.h"
#include "TaskQueue.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"

namespace tern {
namespace {

constexpr std::size_t kLargePiece = std::size_t{64} * 1024;
// How much a bulky stream is offered to receive into, and the largest message that is foreseen.
constexpr std::size_t kReceiveRoom = std::size_t{256} * 1024;
constexpr std::uint8_t kMostRoomBits = 22;

}  // namespace

TcpConnection::TcpConnection(Private /*only open()*/, EventLoop& loop, std::uint64_t id,
                             std::shared_ptr<const ConnectionCallbacks> callbacks,
                             ConnectionSet& set)
    : tasks_(loop.tasks()), callbacks_(std::move(callbacks)), set_(&set), id_(id) {}

TcpConnection::~TcpConnection() = default;

TcpConnectionPtr TcpConnection::open(EventLoop& loop, UniqueFd fd, std::uint64_t id,
                                     std::shared_ptr<const ConnectionCallbacks> callbacks,
                                     ConnectionSet& set) {
  auto connection = std::make_shared<TcpConnection>(Private(), loop, id, std::move(callbacks), set);
  connection->establish(std::move(fd));
  return connection;
}

void TcpConnection::establish(UniqueFd fd) {
  // Asked now: after a reset the kernel does not tell any more, and logs want it most then.
  if (const auto peer = SocketAddress::peerOf(fd.get())) peer_ = CompactAddress(*peer);
  stream_ = loop().poller().openStream(std::move(fd), *this);
  stream_->startReading();
  set_->add(*this);
  self_ = shared_from_this();
  updatePlain();
  if (callbacks_->idleTimeout != kForever) setIdleTimeout(callbacks_->idleTimeout);
}

void TcpConnection::connectEstablished() {
  if (callbacks_->connection) runCallback([this] { callbacks_->connection(self_); });
}

EventLoop* TcpConnection::getLoop() const noexcept { return &tasks_->loop(); }

EventLoop& TcpConnection::loop() const noexcept { return tasks_->loop(); }

// --- from any thread to the loop's ---

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
  const bool simple = tasks_->isLoopThread() && plain_ && callbackDepth_ > 0;
  if (!simple || bytes.size() >= kLargePiece) {
    sendWithCare(bytes);
    return;
  }
  // Nearly always: the first reply of a callback.
  output_.append(bytes);
  if (!output_.empty() && queuedBytes() + output_.roomInTail() <= callbacks_->firstMark()) {
    direct_.store(ThreadCheck::thisThread(), std::memory_order_relaxed);
  } else {
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
  onLoop([](TcpConnection& self) { self.forceCloseInLoop({}); });
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
  if (!plain_ || outputBytes() > 0) return bytes;
  return bytes.substr(stream_->sendNow(bytes));
}

template <class Bytes>
void TcpConnection::sendInLoop(Bytes&& bytes) {
  if (!plain_ && (!connected() || closeRequested_)) return;
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
    log(LogLevel::kWarn, name() + ": " + std::to_string(now) +
                             " bytes wait to be sent, above the "
                             "limit of " +
                             std::to_string(callbacks_->outputLimit) + "; closed");
    forceCloseInLoop(std::make_error_code(std::errc::no_buffer_space));
    return;
  }
  if (aboveHighMark_ || now <= callbacks_->highMark) return;
  aboveHighMark_ = true;
  updatePlain();
  if (!callbacks_->highWaterMark) return;
  // Later in this turn, not inside send().
  loop().queueInLoop([self = shared_from_this(), now] {
    if (self->disconnected() || !self->callbacks_->highWaterMark) return;
    self->runCallback([&] { self->callbacks_->highWaterMark(self, now); });
  });
}

void TcpConnection::shutdownInLoop() {
  if (!connected()) return;
  setState(State::kDisconnecting);
  // Within a callback, what that callback sent goes first.
  if (callbackDepth_ == 0) scheduleTurnEnd();
}

void TcpConnection::forceCloseInLoop(std::error_code reason) {
  if (disconnected()) return;
  if (!closeRequested_) closeReason_ = reason;
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
    log(LogLevel::kError, name() + ": " + error.what() + "; closed");
    forceCloseInLoop(error.code());
  }
}

template <class Call>
void TcpConnection::runCallback(Call&& call) {
  ++callbackDepth_;
  try {
    call();
  } catch (...) {
    // What it sent, or asked for, before it threw still happens: at the end of a turn.
    leaveCallback();
    scheduleTurnEnd();
    throw;
  }
  leaveCallback();
  if (plain_ && callbackDepth_ == 0) {
    if (!output_.empty()) sendOutput();
  } else {
    afterCallback();
  }
}

void TcpConnection::leaveCallback() noexcept {
  --callbackDepth_;
  sendNextWithCare();
}

// The usual state, in which sending has no other consequence than that the bytes leave. One test
// for it, instead of one for each of its parts, is what a message pays.
void TcpConnection::updatePlain() noexcept {
  plain_ = connected() && !closeRequested_ && !eof_ && !aboveHighMark_ && !hasFiles() &&
           !callbacks_->writeComplete;
  sendNextWithCare();
}

void TcpConnection::setState(State state) noexcept {
  state_.store(state, std::memory_order_release);
  updatePlain();
}

void TcpConnection::afterCallback() {
  if (callbackDepth_ > 0) return;
  if (plain_) {
    if (!output_.empty()) sendOutput();
    return;
  }
  if (disconnected()) return;
  if (closeRequested_) {
    closeNow();
  } else {
    flush();
  }
}

void TcpConnection::scheduleTurnEnd() {
  if (turnEndScheduled_) return;
  loop().atTurnEnd(self_,
                   [](void* connection) { static_cast<TcpConnection*>(connection)->turnEnd(); });
  turnEndScheduled_ = true;
}

void TcpConnection::turnEnd() {
  turnEndScheduled_ = false;
  if (disconnected()) {
    self_.reset();
  } else {
    afterCallback();
  }
}

void TcpConnection::sendOutput() {
  const std::size_t before = output_.size();
  inFlight_ += stream_->send(output_);
  // Handing bytes to a peer that takes none is no traffic.
  if (output_.size() < before) touch();
}

void TcpConnection::flush() {
  if (!output_.empty()) sendOutput();
  if (!plain_) afterProgress();
}

void TcpConnection::onSent(std::size_t bytes) {
  inFlight_ -= bytes;
  touch();
  flush();
}

void TcpConnection::afterProgress() {
  if (hasFiles()) sendFiles();
  const std::size_t waiting = outputBytes();
  if (aboveHighMark_ && waiting <= callbacks_->lowMark) fellToLowMark(waiting);
  if (waiting > 0 || hasFiles()) return;
  if (writeCompleteDue_ && callbacks_->writeComplete) writeCompleted();
  writeCompleteDue_ = false;
  if (connected()) return;
  if (eof_) {
    closeNow();
  } else if (state() == State::kDisconnecting) {
    setState(State::kHalfClosed);
    stream_->shutdownWrite();
  }
}

void TcpConnection::fellToLowMark(std::size_t waiting) {
  aboveHighMark_ = false;
  updatePlain();
  if (!callbacks_->lowWaterMark) return;
  loop().queueInLoop([self = shared_from_this(), waiting] {
    if (self->disconnected() || !self->callbacks_->lowWaterMark) return;
    self->runCallback([&] { self->callbacks_->lowWaterMark(self, waiting); });
  });
}

// A functor, not a call: a callback that sends again would recurse for ever to a fast reader.
void TcpConnection::writeCompleted() {
  loop().queueInLoop([self = shared_from_this()] {
    if (self->disconnected() || !self->callbacks_->writeComplete) return;
    self->runCallback([&] { self->callbacks_->writeComplete(self); });
  });
}

// The loan ends here: what was not read is copied, and with nothing left no memory is held.
inline void TcpConnection::settleInput() {
  if (input_.empty()) {
    input_.settle();
  } else {
    keepUnread();
  }
}

void TcpConnection::keepUnread() {
  try {
    input_.settle();
  } catch (const std::bad_alloc&) {
    input_.retrieveAll();
    input_.settle();
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory));
  }
}

inline void TcpConnection::showUnread() {
  try {
    if (callbacks_->message) {
      runCallback([this] { callbacks_->message(self_, &input_, loop().poller().returnTime()); });
    } else {
      input_.retrieveAll();
    }
  } catch (...) {
    settleInput();
    throw;
  }
  settleInput();
}

void TcpConnection::onData(std::span<const char> bytes) {
  touch();
  try {
    input_.lend(bytes);
  } catch (const std::bad_alloc&) {
    // These bytes are lost, and what follows them would be misread.
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory));
    return;
  }
  showUnread();
}

void TcpConnection::showInputAgain() {
  if (disconnected() || closeRequested_ || inputDue_ || input_.empty()) return;
  if (reading_) {
    queueInput();
    readStream(false);
  }
  inputDue_ = true;
}

void TcpConnection::queueInput() {
  loop().queueInLoop([self = shared_from_this()] { self->showInput(); });
}

// Until what is due was shown the stream stays stopped: more bytes, and the end, come after it.
void TcpConnection::showInput() {
  if (disconnected() || !inputDue_ || !reading_) return;
  inputDue_ = false;
  const auto goOn = [this] {
    if (reading_ && !inputDue_ && !disconnected()) readStream(true);
  };
  try {
    showUnread();
  } catch (...) {
    goOn();
    throw;
  }
  goOn();
}

// What belongs to a message that is not complete would be copied here; so would the next one of a
// peer that has sent such a message. Sized for that message, so that the buffer need not grow.
std::span<char> TcpConnection::receiveRoom() {
  if (input_.empty() && roomBits_ == 0) return {};
  try {
    if (input_.writableBytes() < kLargePiece) {
      const std::size_t taken = input_.readableBytes() + Buffer::kCheapPrepend;
      const auto bits = static_cast<std::uint8_t>(std::bit_width(taken + kReceiveRoom));
      roomBits_ = std::min(std::max(roomBits_, bits), kMostRoomBits);
      const std::size_t size = std::max(std::size_t{1} << roomBits_, taken + kReceiveRoom);
      input_.ensureWritableBytes(size - taken);
    }
  } catch (const std::bad_alloc&) {
    return {};
  }
  return {input_.beginWrite(), std::min(kReceiveRoom, input_.writableBytes())};
}

void TcpConnection::onEof() {
  settleInput();  // it may hold room for more
  eof_ = true;
  updatePlain();
  if (callbacks_->halfClose && connected()) {
    runCallback([this] { callbacks_->halfClose(self_); });
    return;
  }
  if (connected()) setState(State::kDisconnecting);
  flush();
}

void TcpConnection::onError(std::error_code error) {
  if (!closeRequested_) closeReason_ = error;
  closeNow();
}

void TcpConnection::closeNow() {
  if (disconnected()) return;
  // Whoever is further up the stack may be this connection: it goes at the end of the turn.
  scheduleTurnEnd();
  setState(State::kDisconnected);
  // Before the callback, which may destroy the server and with it the set.
  loop().connectionGone();
  set_->remove(*this);
  struct Finally {
    TcpConnection& connection;
    ~Finally() {
      connection.stream_.reset();
      connection.extras_.reset();
      connection.output_.clear();
      connection.inFlight_ = 0;
    }
  };
  const Finally finally{*this};
  if (callbacks_->connection) runCallback([this] { callbacks_->connection(self_); });
}

}  // namespace tern
