// UdpSocket: batches in, batches out, and errors that concern one datagram.
#include "tern/net/UdpSocket.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "DatagramSocket.h"
#include "UdpBatch.h"
#include "UdpQueue.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/poller/Poller.h"
#include "tern/poller/SocketError.h"

namespace tern {
namespace {

// What fits behind the eight bytes of a UDP header, whose length field has 16 bits.
constexpr std::size_t kLongest = 65'535 - 8;
// Then the loop's other sockets have their turn.
constexpr int kBatchesPerTurn = 4;
constexpr std::size_t kMostErrors = 64;
constexpr int kMostQueuedErrors = 64;

std::size_t checkedReceiveSize(std::size_t bytes) {
  if (bytes >= 1 && bytes <= 65'535) return bytes;
  throw std::invalid_argument("UdpOptions::receiveSize is " + std::to_string(bytes) +
                              "; it must be from 1 to 65535");
}

// The socket has no error pending afterwards. Where IP_RECVERR was asked for, each lies in a queue
// too, and would be reported for ever.
int takeEveryError(int fd) noexcept {
  const int error = takeSocketError(fd);
  for (int i = 0; i < kMostQueuedErrors; ++i) {
    if (::recv(fd, nullptr, 0, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
  }
  return error;
}

void logError(const UdpError& error, const SocketAddress& socket) {
  if (!logEnabled(LogLevel::kDebug)) return;
  std::string text = "UDP socket " + socket.toIpPort() + ": ";
  if (error.droppedFor) text += "a datagram for " + error.droppedFor->toIpPort() + " was dropped: ";
  log(LogLevel::kDebug, [&] { return text + error.code.message(); });
}

}  // namespace

UdpSocket::UdpSocket(EventLoop& loop, UniqueFd fd, const UdpOptions& options)
    : loop_(loop),
      fd_(std::move(fd)),
      channel_(loop.poller(), fd_.get(), *this),
      self_(std::make_shared<UdpSocket*>(this)),
      callbacks_(std::make_shared<const Callbacks>()),
      receiveSize_(checkedReceiveSize(options.receiveSize)),
      queueLimit_(options.queueLimit),
      address_(SocketAddress::localOf(fd_.get()).value_or(SocketAddress())),
      peer_(SocketAddress::peerOf(fd_.get())) {
  updateInterest();
}

UdpSocket::UdpSocket(EventLoop& loop, const SocketAddress& address, const UdpOptions& options)
    : UdpSocket(loop, bindDatagramSocket(address, options), options) {}

UdpSocket::UdpSocket(EventLoop& loop, const UdpPeer& peer, const UdpOptions& options)
    : UdpSocket(loop, connectDatagramSocket(peer.address, options), options) {}

UdpSocket::~UdpSocket() {
  loop_.assertInLoopThread();
  *self_ = nullptr;
  try {
    transmit();
  } catch (...) {
    // The poller has no memory to wait with.
    log(LogLevel::kError,
        [&] { return "UDP socket " + address_.toIpPort() + ": what it sent last is lost"; });
  }
}

void UdpSocket::setDatagramCallback(DatagramCallback callback) {
  callbacks_ = std::make_shared<const Callbacks>(Callbacks{std::move(callback), callbacks_->error});
}

void UdpSocket::setErrorCallback(ErrorCallback callback) {
  callbacks_ =
      std::make_shared<const Callbacks>(Callbacks{callbacks_->datagram, std::move(callback)});
}

std::uint32_t UdpSocket::missed() const noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof info;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &length);
  return info[SK_MEMINFO_DROPS];
}

std::size_t UdpSocket::queued() const noexcept { return queue_ == nullptr ? 0 : queue_->size(); }

// Errors are always asked for: a refusal must not wait until somebody reads.
void UdpSocket::updateInterest() {
  int interest = event::kError;
  if (reading_) interest |= event::kReadable;
  if (awaitingRoom_) interest |= event::kWritable;
  channel_.setInterest(interest);
}

void UdpSocket::onEvents(EventMask events) {
  if ((events & (event::kError | event::kHangup)) != 0) {
    takeError();
  }
  if ((events & event::kWritable) != 0) {
    awaitingRoom_ = false;
    transmit();
    updateInterest();
  }
  // Last: the callback may destroy this.
  if (reading_) receive();
}

// --- receiving ---

void UdpSocket::stopRead() {
  loop_.assertInLoopThread();
  reading_ = false;
  updateInterest();
}

void UdpSocket::startRead() {
  loop_.assertInLoopThread();
  reading_ = true;
  updateInterest();
  if (rest_ != nullptr) channel_.poller().defer(channel_.id(), event::kReadable);
}

void UdpSocket::receive() {
  if (rest_ != nullptr && !deliver(std::move(rest_))) return;
  for (int i = 0; i < kBatchesPerTurn && reading_; ++i) {
    if (!receiveBatch()) return;
  }
}

// Whether there may be more, and this to receive it.
bool UdpSocket::receiveBatch() {
  std::unique_ptr<UdpBatch> batch;
  try {
    batch = std::make_unique<UdpBatch>(receiveSize_);
  } catch (const std::bad_alloc&) {
    discard();
    return false;
  }
  const bool some = batch->receive(fd_.get());
  const int error = errno;
  ++channel_.poller().counters().receives;
  if (!some) {
    if (error != EAGAIN) note({systemError(error), {}});
    // What a poller without a word for errors, as one on select(), calls readable.
    takeError();
    return false;
  }
  const bool full = batch->full();
  return deliver(std::move(batch)) && full;
}

// Whether this is still there.
bool UdpSocket::deliver(std::unique_ptr<UdpBatch> batch) {
  const std::shared_ptr<UdpSocket*> self = self_;
  std::shared_ptr<const Callbacks> callbacks = callbacks_;
  const Timestamp time = loop_.pollReturnTime();
  while (reading_ && !batch->empty()) {
    const UdpDatagram datagram = batch->take(time);
    ++stats_.received;
    if (datagram.truncated) ++stats_.truncated;
    if (!callbacks->datagram) continue;
    try {
      callbacks->datagram(*this, datagram);
    } catch (...) {
      if (*self != nullptr) keep(std::move(batch));
      throw;
    }
    if (*self == nullptr) return false;
    if (callbacks != callbacks_) callbacks = callbacks_;
  }
  keep(std::move(batch));
  transmit();
  return true;
}

void UdpSocket::keep(std::unique_ptr<UdpBatch> rest) {
  if (rest->empty()) return;
  rest_ = std::move(rest);
  // The socket itself may be empty by now, and would not ask for another turn.
  if (reading_) channel_.poller().defer(channel_.id(), event::kReadable);
}

// There is no memory to receive into. What waits would be reported for ever; lost, it is what the
// network may do, too.
void UdpSocket::discard() {
  for (std::size_t i = 0; i < UdpBatch::kMost; ++i) {
    if (::recv(fd_.get(), nullptr, 0, MSG_DONTWAIT) < 0) break;
    ++stats_.dropped;
  }
  note({systemError(ENOMEM), {}});
}

// --- sending ---

std::error_code UdpSocket::send(std::string_view bytes, const SocketAddress& peer) {
  if (peer.isUnix()) {
    ++stats_.dropped;
    return systemError(EAFNOSUPPORT);
  }
  return enqueue(bytes, &peer);
}

std::error_code UdpSocket::send(std::string_view bytes) {
  if (!peer_) {
    ++stats_.dropped;
    return systemError(EDESTADDRREQ);
  }
  return enqueue(bytes, nullptr);
}

std::error_code UdpSocket::enqueue(std::string_view bytes, const SocketAddress* peer) {
  loop_.assertInLoopThread();
  if (bytes.size() > kLongest) {
    ++stats_.dropped;
    return systemError(EMSGSIZE);
  }
  const auto full = [&] {
    return queue_ != nullptr && !queue_->empty() &&
           queue_->cost() + bytes.size() + UdpQueue::kOverhead > queueLimit_;
  };
  if (full()) transmit();
  if (full()) {
    ++stats_.dropped;
    return systemError(ENOBUFS);
  }
  if (queue_ == nullptr) queue_ = std::make_unique<UdpQueue>();
  scheduleTurnEnd();
  queue_->push(bytes, peer);
  return {};
}

void UdpSocket::transmit() {
  int earlier = 0;  // how the send that is tried again failed
  while (queue_ != nullptr && !awaitingRoom_) {
    if (queue_->empty()) {
      queue_.reset();
      return;
    }
    const int n = queue_->transmit(fd_.get());
    const int error = n < 0 ? errno : 0;
    ++channel_.poller().counters().sends;
    if (error == EINTR) continue;
    // The network's answer to a datagram that left is given to the next call, whose own datagram
    // then stays: it is tried once more.
    if (error != 0 && error != EAGAIN && error != EMSGSIZE && earlier == 0 && peer_) {
      earlier = error;
      continue;
    }
    if (earlier != 0 && earlier != error) note({systemError(earlier), {}});
    earlier = 0;
    if (error == EAGAIN) {
      awaitRoom();
    } else if (error != 0) {
      dropFront(systemError(error), 1);
    } else {
      stats_.sent += static_cast<std::uint64_t>(n);
    }
  }
}

void UdpSocket::dropFront(std::error_code error, std::size_t count) {
  stats_.dropped += count;
  const std::optional<SocketAddress> peer = queue_->frontPeer();
  queue_->pop(count);
  note({error, peer ? peer : peer_});
}

void UdpSocket::awaitRoom() {
  awaitingRoom_ = true;
  try {
    updateInterest();
  } catch (const std::system_error& error) {
    // Nobody would tell of the room.
    awaitingRoom_ = false;
    dropFront(error.code(), queue_->size());
  }
}

// --- errors, and the end of a turn ---

void UdpSocket::note(const UdpError& error) {
  if (errors_.size() >= kMostErrors) return;
  try {
    scheduleTurnEnd();
    errors_.push_back(error);
  } catch (const std::bad_alloc&) {
    log(LogLevel::kError, "out of memory: an error of a UDP socket is counted, not reported");
  }
}

void UdpSocket::takeError() {
  if (const int error = takeEveryError(fd_.get()); error != 0) note({systemError(error), {}});
}

void UdpSocket::scheduleTurnEnd() {
  if (turnEndScheduled_) return;
  loop_.atTurnEnd(self_, [](void* self) {
    if (UdpSocket* const socket = *static_cast<UdpSocket**>(self)) socket->turnEnd();
  });
  turnEndScheduled_ = true;
}

void UdpSocket::turnEnd() {
  turnEndScheduled_ = false;
  transmit();
  report();
}

void UdpSocket::report() {
  // What the callback sends, and how that fails, belongs to the next turn.
  std::vector<UdpError> errors = std::exchange(errors_, {});
  const std::shared_ptr<UdpSocket*> self = self_;
  for (auto next = errors.begin(); next != errors.end();) {
    const UdpError& error = *next++;
    const std::shared_ptr<const Callbacks> callbacks = callbacks_;
    if (!callbacks->error) {
      logError(error, address_);
      continue;
    }
    try {
      callbacks->error(*this, error);
    } catch (...) {
      if (*self != nullptr && next != errors.end()) {
        scheduleTurnEnd();
        errors_.insert(errors_.begin(), next, errors.end());
      }
      throw;
    }
    if (*self == nullptr) return;
  }
}

}  // namespace tern
