// ReadinessStream: recv and sendmsg driven by level-triggered readiness.
#include "ReadinessStream.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "FdMode.h"
#include "SigpipeBlock.h"
#include "tern/base/Error.h"
#include "tern/base/OutputQueue.h"
#include "tern/poller/SocketError.h"

namespace tern {
namespace {

// How many chunks one sendmsg gathers.
constexpr std::size_t kGather = 64;
constexpr std::size_t kStillBulky = std::size_t{16} * 1024;
constexpr std::size_t kFileShare = std::size_t{1024} * 1024;
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// Short of memory is not broken: the socket is tried again when it says that it has room.
bool isPassing(int errnum) {
  return errnum == EAGAIN || errnum == EINTR || errnum == ENOBUFS || errnum == ENOMEM;
}

}  // namespace

ReadinessStream::ReadinessStream(Poller& poller, UniqueFd fd, StreamHandler& handler)
    : fd_(std::move(fd)), channel_(poller, fd_.get(), *this), handler_(handler) {}

// Reading stopped or not, the channel stays watched for errors: a reset must not go unnoticed.
void ReadinessStream::updateInterest() {
  receives_ = reading_ && !eof_ && !failed_ && error_ == 0;
  sends_ = !awaitingRoom_ && !failed_ && error_ == 0;
  int interest = hungUp_ || failed_ ? event::kNone : event::kError;
  if (reading_ && !eof_ && !failed_) interest |= event::kError | event::kReadable;
  if (awaitingRoom_ && !failed_) interest |= event::kError | event::kWritable;
  channel_.setInterest(interest);
}

// For events: a poller that can't go on watching the fd ends the stream; false then.
bool ReadinessStream::interestUpdated() {
  try {
    updateInterest();
    return true;
  } catch (const std::system_error& error) {
    fail(error.code().value());
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);
  }
  return false;
}

void ReadinessStream::startReading() {
  reading_ = true;
  hungUp_ = false;
  updateInterest();
}

void ReadinessStream::stopReading() {
  reading_ = false;
  updateInterest();
}

// Returns how many bytes came; 0 when none did, which is dealt with by then.
inline std::size_t ReadinessStream::receiveInto(std::span<char> block) {
  const ssize_t n = ::recv(fd_.get(), block.data(), block.size(), MSG_DONTWAIT);
  ++channel_.poller().counters().receives;
  if (n > 0) [[likely]] {
    return static_cast<std::size_t>(n);
  }
  receivedNothing(n, errno);
  return 0;
}

void ReadinessStream::onEvents(EventMask events) {
  // Nearly always. The block is asked for twice: it need not be kept over the call of the kernel.
  if (events == event::kReadable && receives_ && !bulky_) [[likely]] {
    const std::size_t n = receiveInto(channel_.poller().receiveBlock());
    if (n == 0) return;
    const std::span<char> block = channel_.poller().receiveBlock();
    if (n == block.size()) becomeBulky();
    handler_.onData(block.first(n));
  } else {
    onOtherEvents(events);
  }
}

void ReadinessStream::onOtherEvents(EventMask events) {
  if (failed_) return;
  if (error_ != 0) {
    fail(error_);
    return;
  }
  // Each call of the handler may destroy this.
  Poller& poller = channel_.poller();
  const SlotId id = channel_.id();
  const bool trouble = (events & (event::kError | event::kHangup)) != 0;
  if (receives_) {
    if ((events & event::kReadable) != 0 || trouble) receive();
  } else if (trouble) {
    troubled(events);
  }
  if ((events & event::kWritable) != 0 && poller.alive(id) && awaitingRoom_ && !failed_) {
    awaitingRoom_ = false;
    if (interestUpdated()) handler_.onSent(0);
  }
}

// Once a turn, full or not: a short read has emptied the socket, and what a firehose has left is
// reported again. It gets larger blocks until it brings little.
void ReadinessStream::receive() {
  Poller& poller = channel_.poller();
  const std::span<char> room = bulky_ ? poller.bulkRoom(handler_) : poller.receiveBlock();
  const std::size_t n = receiveInto(room);
  if (n == 0) return;
  if (bulky_) {
    bulky_ = n >= kStillBulky;
  } else if (n == room.size()) {
    becomeBulky();
  }
  handler_.onData(room.first(n));
}

void ReadinessStream::becomeBulky() {
  bulky_ = true;
  channel_.poller().noteBulky();
}

// End of file, or an error.
void ReadinessStream::receivedNothing(ssize_t n, int errnum) {
  if (n == 0) {
    eof_ = true;
    if (interestUpdated()) handler_.onEof();
  } else if (errnum != EAGAIN && errnum != EINTR) {
    fail(errnum);
  }
}

// An error or hang-up while nobody reads: after end of file, or with reading stopped.
void ReadinessStream::troubled(EventMask events) {
  if (const int error = takeSocketError(fd_.get()); error != 0) {
    fail(error);
  } else if ((events & event::kHangup) != 0) {
    // An orderly end of both directions, not an error: bytes may still wait to be read. Level-
    // triggered, it would be reported for ever.
    hungUp_ = true;
    static_cast<void>(interestUpdated());
  }
}

void ReadinessStream::fail(int errnum) {
  failed_ = true;
  error_ = 0;
  updateInterest();
  handler_.onError(systemError(errnum));
}

// send() must not call the handler: the error waits for poll().
void ReadinessStream::failLater(int errnum) {
  channel_.poller().defer(channel_.id(), event::kError);
  error_ = static_cast<std::uint16_t>(errnum);
  receives_ = false;
  sends_ = false;
}

std::size_t ReadinessStream::send(OutputQueue& queue) {
  if (!sends_ || queue.empty()) return 0;
  if (!queue.isOneChunk()) [[unlikely]] {
    sendGathered(queue);
    return 0;
  }
  ++channel_.poller().counters().sends;
  const std::span<const char> front = queue.knownFront();
  const ssize_t n = ::send(fd_.get(), front.data(), front.size(), kSendFlags);
  // Asked for again: it need not be kept over the call of the kernel.
  if (n == static_cast<ssize_t>(queue.knownFront().size())) [[likely]] {
    queue.clearOnly();
  } else {
    sentPart(queue, n);
  }
  return 0;
}

// Whatever it meets, the send of what is left will meet, too, and deal with.
std::size_t ReadinessStream::sendNow(std::span<const char> bytes) {
  if (!sends_) return 0;
  ++channel_.poller().counters().sends;
  const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), kSendFlags);
  return static_cast<std::size_t>(std::max<ssize_t>(n, 0));
}

// A turn's share; what is left goes on when the socket reports room, so after the others.
std::optional<std::size_t> ReadinessStream::sendFile(int file, std::uint64_t offset,
                                                     std::uint64_t length) {
  if (!sends_) return 0;
  // There is no flag for it.
  if (!nonBlocking_) setNonBlocking(fd_.get(), true);
  nonBlocking_ = true;
  const SigpipeBlock block;
  auto at = static_cast<off_t>(offset);
  const auto share = static_cast<std::size_t>(std::min<std::uint64_t>(length, kFileShare));
  const ssize_t n = ::sendfile(fd_.get(), file, &at, share);
  const int error = errno;
  ++channel_.poller().counters().sends;
  // The file has ended, or is of a sort that can only be read.
  if (n == 0 || (n < 0 && (error == EINVAL || error == ENOSYS || error == EOPNOTSUPP))) {
    return std::nullopt;
  }
  if (n < 0 && !isPassing(error)) {
    failLater(error);
    return 0;
  }
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  if (sent < length) awaitRoom();
  return sent;
}

void ReadinessStream::sendGathered(OutputQueue& queue) {
  while (!queue.empty()) {
    std::array<iovec, kGather>
        chunks;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    msghdr message{};
    message.msg_iov = chunks.data();
    message.msg_iovlen = queue.gather(chunks);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) offered += chunks[i].iov_len;
    const ssize_t n = ::sendmsg(fd_.get(), &message, kSendFlags);
    ++channel_.poller().counters().sends;
    if (n != static_cast<ssize_t>(offered)) {
      sentPart(queue, n);
      return;
    }
    queue.consume(offered);
  }
}

// The socket took less than it was offered.
void ReadinessStream::sentPart(OutputQueue& queue, ssize_t n) {
  if (n < 0 && errno == EINTR) {
    sendGathered(queue);
    return;
  }
  if (n < 0 && !isPassing(errno)) {
    failLater(errno);
    return;
  }
  queue.consume(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  awaitRoom();
}

void ReadinessStream::awaitRoom() {
  awaitingRoom_ = true;
  hungUp_ = false;
  try {
    updateInterest();
  } catch (const std::system_error& error) {
    failLater(error.code().value());
  }
}

void ReadinessStream::shutdownWrite() {
  // Fails only when the connection is gone, which the channel reports.
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace tern
