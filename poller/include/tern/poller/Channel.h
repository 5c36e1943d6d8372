// Channel: readiness of one file descriptor, any fd: eventfd, timerfd, signalfd, a user's own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "tern/base/Clock.h"
#include "tern/base/SlotTable.h"

namespace tern {

class Poller;

/// A set of the kinds below: what a channel waits for, and what happened.
using EventMask = std::uint8_t;

namespace event {
// The values are poll(2)'s, so that backends need not translate.
inline constexpr EventMask kNone = 0;
inline constexpr EventMask kReadable = 1;
inline constexpr EventMask kWritable = 4;
/// An error is pending on the fd. Reported whenever the mask waited for is not empty; alone it
/// means "tell me of errors and hang-ups only".
inline constexpr EventMask kError = 8;
/// Both directions are shut down, or the other end of a pipe is gone. Reported like kError.
inline constexpr EventMask kHangup = 16;
}  // namespace event

/// Receives a channel's events without a std::function on the way. Not owned by the channel.
class ChannelHandler {
 public:
  /// May destroy the channel.
  virtual void onEvents(EventMask events) = 0;

 protected:
  ~ChannelHandler() = default;
};

/// Watches one fd through a Poller, level-triggered: while a condition lasts and is asked for, each
/// turn reports it. The vocabulary is muduo's.
///
/// Belongs to the poller's thread. Does not own the fd, which must stay open while the channel
/// watches it. The poller must outlive the channel.
class Channel {
 public:
  using EventCallback = std::function<void()>;
  using ReadEventCallback = std::function<void(Timestamp)>;

  /// With callbacks, set below. Watches nothing yet.
  Channel(Poller& poller, int fd);
  /// With a handler instead: cheaper in memory and calls. Setting a callback aborts then.
  Channel(Poller& poller, int fd, ChannelHandler& handler);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Stops watching. Safe inside any callback, its own included: no event reaches it afterwards.
  ~Channel();

  /// Readable, or at end of file. Also told of errors and hang-ups that have no callback of their
  /// own, so that the read reports them.
  void setReadCallback(ReadEventCallback callback);
  void setWriteCallback(EventCallback callback);
  /// A hang-up with nothing left to read.
  void setCloseCallback(EventCallback callback);
  void setErrorCallback(EventCallback callback);
  /// Events are delivered only while `owner` lives, and it is kept alive during the callbacks.
  void tie(const std::shared_ptr<void>& owner);

  void enableReading() { setInterest(interest_ | event::kReadable); }
  void disableReading() { setInterest(interest_ & ~event::kReadable); }
  void enableWriting() { setInterest(interest_ | event::kWritable); }
  void disableWriting() { setInterest(interest_ & ~event::kWritable); }
  void disableAll() { setInterest(event::kNone); }
  /// Replaces the whole mask. Throws std::system_error, and changes nothing, when the poller can't
  /// watch the fd (a regular file, or the kernel is out of resources).
  void setInterest(int interest);

  [[nodiscard]] bool isReading() const noexcept { return (interest_ & event::kReadable) != 0; }
  [[nodiscard]] bool isWriting() const noexcept { return (interest_ & event::kWritable) != 0; }
  [[nodiscard]] bool isNoneEvent() const noexcept { return interest_ == event::kNone; }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] EventMask interest() const noexcept { return interest_; }
  /// Names this channel, and never another one: what a poller keeps instead of a pointer or an fd.
  [[nodiscard]] SlotId id() const noexcept { return id_; }
  [[nodiscard]] Poller& poller() const noexcept { return poller_; }

 private:
  friend class Poller;
  struct Callbacks;
  class CallbackHandler;

  Channel(Poller& poller, int fd, std::unique_ptr<CallbackHandler> own);

  void handle(EventMask events) { handler_.onEvents(events); }
  Callbacks& editCallbacks();
  void noteInterest(EventMask interest) noexcept;

  Poller& poller_;
  ChannelHandler& handler_;
  SlotId id_;
  int fd_;
  EventMask interest_ = event::kNone;
  EventMask deliverable_ = event::kNone;  // interest_, and what is reported besides
  const bool hasCallbacks_;               // in a CallbackHandler of its own
};

}  // namespace tern
