// TcpConnection: one state machine for readiness and completion, with flushing at the edges.
#include "tern/net/TcpConnection.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "ConnectionExtras.h"
#include "ConnectionSet.h"
#include "TaskQueue.h"
#include "TcpConnectionCallback.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"

namespace tern {
namespace {

constexpr std::size_t kLeastRoom = std::size_t{64} * 1024;
// What a message that does not fit is expected to bring, and the largest that is foreseen.
constexpr std::size_t kGrowth = std::size_t{256} * 1024;
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
  if (callbacks_->idleTimeout != kForever) setIdleTimeout(callbacks_->idleTimeout);
  // Last: whatever throws leaves nothing behind, in the set or anywhere else.
  set_->add(*this);
  self_ = shared_from_this();
  updatePlain();
}

void TcpConnection::connectEstablished() {
  if (callbacks_->connection) runCallback([this] { callbacks_->connection(self_); });
}

EventLoop* TcpConnection::getLoop() const noexcept { return &tasks_->loop(); }

EventLoop& TcpConnection::loop() const noexcept { return tasks_->loop(); }

// Whether it was the outermost.
bool TcpConnection::leaveCallback() noexcept {
  direct_ = nullptr;
  return --callbackDepth_ == 0;
}

bool TcpConnection::sendsFreely() const noexcept {
  return connected() && !closeRequested_ && !eof_ && !aboveHighMark_ && !hasFiles() &&
         !callbacks_->writeComplete;
}

// The usual state, in which sending has no other consequence than that the bytes leave, and nothing
// is held. One test for it, instead of one for each of its parts, is what a message pays.
void TcpConnection::updatePlain() noexcept {
  plain_ = held_ == 0 && sendsFreely();
  roomy_ = plain_ && OutputQueue::firstRoom() <= callbacks_->firstMark();
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

void TcpConnection::sendOutput() { sendOutputHere(); }

void TcpConnection::sentInPart(std::size_t before) {
  // Handing bytes to a peer that takes none is no traffic.
  if (output_.size() < before) touch();
  set_->counters().sent.add(before - output_.size());
  countHeld();
}

// Called where something may have come to wait, or have stayed unread, and, while something is
// held, after each callback and flush: a message that is read and answered at once pays nothing.
void TcpConnection::countHeld() {
  if (disconnected()) return;
  const std::size_t bytes = outputBytes() - inFlight_ + input_.readableBytes();
  const auto now = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX));
  const std::uint32_t before = std::exchange(held_, now);
  if ((now == 0) != (before == 0)) updatePlain();
  if (now > before) {
    set_->hold(now - before);
  } else {
    set_->release(before - now);
  }
}

void TcpConnection::flush() {
  if (!output_.empty()) sendOutput();
  if (!plain_) flushed();
}

void TcpConnection::flushed() {
  afterProgress();
  countHeld();
}

void TcpConnection::onSent(std::size_t bytes) {
  inFlight_ -= bytes;
  set_->release(bytes);
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
  callLater([waiting](TcpConnection& self) {
    if (!self.callbacks_->lowWaterMark) return;
    self.runCallback([&] { self.callbacks_->lowWaterMark(self.self_, waiting); });
  });
}

// A functor, not a call: a callback that sends again would recurse for ever to a fast reader.
void TcpConnection::writeCompleted() {
  callLater([](TcpConnection& self) {
    if (!self.callbacks_->writeComplete) return;
    // What was sent meanwhile has its own end.
    if (self.outputBytes() > 0 || self.hasFiles()) return;
    self.runCallback([&] { self.callbacks_->writeComplete(self.self_); });
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
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory), CloseCause::kNoMemory);
  }
  countHeld();
}

inline void TcpConnection::showUnread() {
  try {
    if (callbacks_->message) {
      runCallbackHere(
          [this] { callbacks_->message(self_, &input_, loop().poller().returnTime()); });
    } else {
      input_.retrieveAll();
      if (held_ > 0) countHeld();
    }
  } catch (...) {
    settleInput();
    throw;
  }
  settleInput();
}

void TcpConnection::onData(std::span<const char> bytes) {
  set_->counters().received.add(bytes.size());
  touch();
  try {
    input_.lend(bytes);
  } catch (const std::bad_alloc&) {
    // These bytes are lost, and what follows them would be misread.
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory), CloseCause::kNoMemory);
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
  callLater([](TcpConnection& self) { self.showInput(); });
}

// Until what is due was shown the stream stays stopped: more bytes, and the end, come after it.
void TcpConnection::showInput() {
  if (!inputDue_ || !reading_) return;
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
std::span<char> TcpConnection::receiveRoom(std::size_t most) {
  if (input_.empty() && roomBits_ == 0) return {};
  try {
    if (input_.writableBytes() < kLeastRoom) {
      const std::size_t taken = input_.readableBytes() + Buffer::kCheapPrepend;
      const auto bits = static_cast<std::uint8_t>(std::bit_width(taken + kGrowth));
      roomBits_ = std::min(std::max<std::uint8_t>(roomBits_, bits), kMostRoomBits) & 0x1FU;
      const std::size_t size = std::max(std::size_t{1} << roomBits_, taken + kGrowth);
      input_.ensureWritableBytes(size - taken);
    }
  } catch (const std::bad_alloc&) {
    return {};
  }
  return {input_.beginWrite(), std::min(most, input_.writableBytes())};
}

void TcpConnection::onEof() {
  settleInput();  // it may hold room for more
  eof_ = true;
  if (connected()) noteCause(CloseCause::kPeer);
  updatePlain();
  if (callbacks_->halfClose && connected()) {
    runCallback([this] { callbacks_->halfClose(self_); });
    return;
  }
  if (connected()) setState(State::kDisconnecting);
  flush();
}

void TcpConnection::onError(std::error_code error) {
  if (!closeRequested_) setReason(error);
  noteCause(CloseCause::kError);
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
