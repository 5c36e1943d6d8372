// Stream: one connected byte stream, the seam that TCP code is written against. It is shaped like
// completion (the bytes arrive, the send is done), which every backend can give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <system_error>

namespace tern {

class OutputQueue;

/// What a stream tells its user. Called on the poller's thread, from within Poller::poll() only,
/// never from inside a call into the stream. Each of these may destroy the stream.
class StreamHandler {
 public:
  /// Bytes arrived, in order. They are lent for the duration of the call.
  virtual void onData(std::span<const char> bytes) = 0;
  /// Asked for by a stream that is about to receive much, up to `most` bytes: memory of the
  /// handler's own, to receive into without a detour. It is used before anything else runs; if
  /// bytes come, onData() shows them at its beginning. Empty: none. Must not destroy the stream.
  virtual std::span<char> receiveRoom(std::size_t /*most*/) { return {}; }
  /// The peer finished writing; we may still send. No onData after it.
  virtual void onEof() = 0;
  /// `bytes` that an earlier send() took have left our hands (0: none of them, but there is room
  /// again). The stream can take more: call send() if there is more.
  virtual void onSent(std::size_t bytes) = 0;
  /// The stream is broken. At most once, and nothing after it. Reported with reading stopped, too.
  virtual void onError(std::error_code error) = 0;

 protected:
  ~StreamHandler() = default;
};

/// Owns its fd. Made by Poller::openStream(), reading stopped, and held by a StreamPtr, which may
/// let go of it at any time, in any callback: what is in flight is cancelled, no callback comes
/// after it, and output that was not sent is dropped. The fd closes, and the object ends, when the
/// kernel holds no request on them. Belongs to the poller's thread; the poller and the handler must
/// outlive the StreamPtr.
class Stream {
 public:
  /// What a StreamPtr deletes with.
  struct Close {
    void operator()(Stream* stream) const noexcept { stream->close(); }
  };

  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// From the first call of one of these two on, errors are watched for. They throw
  /// std::system_error when the poller can't watch the fd.
  virtual void startReading() = 0;
  /// No onData and no onEof after it returns; bytes already on their way are kept for later.
  virtual void stopReading() = 0;

  /// Takes bytes from the front of the queue. Returns how many of those are still in flight, which
  /// onSent() will report; the others have left our hands. What stays in the queue could not be
  /// taken now: call again from onSent(). At most one kernel send is in flight per stream.
  virtual std::size_t send(OutputQueue& queue) = 0;

  /// Offers bytes to the kernel, which may take some of them at once; returns how many. For large
  /// pieces, while nothing else waits to be sent: what it takes need not be queued. An error comes
  /// up in the send() of what is left.
  virtual std::size_t sendNow(std::span<const char> /*bytes*/) { return 0; }

  /// Sends from a file, up to `length` bytes from `offset` on, without bringing them into user
  /// space; while nothing else waits to be sent. Fewer than that, or none: onSent(0) tells when to
  /// go on, or onError() that there is no way. Nothing: this stream, or this file, can't do it. May
  /// wait for the file's disk.
  virtual std::optional<std::size_t> sendFile(int /*file*/, std::uint64_t /*offset*/,
                                              std::uint64_t /*length*/) {
    return std::nullopt;
  }

  /// Sends FIN after everything that send() has taken.
  virtual void shutdownWrite() = 0;

  [[nodiscard]] virtual int fd() const noexcept = 0;

 protected:
  virtual ~Stream() = default;
  /// The holder lets go. For a stream of which the kernel may still hold something to override.
  virtual void close() noexcept { delete this; }
};

/// How a Stream is held: it is closed, not destroyed, when this lets go of it.
using StreamPtr = std::unique_ptr<Stream, Stream::Close>;

}  // namespace tern
