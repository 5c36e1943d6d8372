// Poller: waits for the kernel and hands each event to its Channel, Stream or Listener. The part of
// tern that can be swapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/base/Counter.h"
#include "tern/base/SlotTable.h"
#include "tern/base/ThreadCheck.h"
#include "tern/base/UniqueFd.h"
#include "tern/poller/BulkRoom.h"
#include "tern/poller/Channel.h"
#include "tern/poller/Stream.h"

namespace tern {

class Listener;
class ListenerHandler;

/// What a poller asked of the kernel since it was made. Counts, for tests and for tuning.
struct PollerStats {
  std::uint64_t waits = 0;     ///< system calls that wait or submit
  std::uint64_t receives = 0;  ///< receives that completed, with data or not
  std::uint64_t sends = 0;     ///< sends issued
  std::uint64_t accepts = 0;   ///< accepts that completed, with a connection or not
};

/// The same while a poller counts them.
struct PollerCounters {
  Counter waits;
  Counter receives;
  Counter sends;
  Counter accepts;
};

/// Told of each channel whose handler is called, for whoever wants to know how long that takes. On
/// the poller's thread.
class DispatchObserver {
 public:
  virtual void beforeHandler(int fd) noexcept = 0;
  /// Also when the handler has thrown. The channel may be gone.
  virtual void afterHandler() noexcept = 0;

 protected:
  ~DispatchObserver() = default;
};

/// The interface of a backend. A poller of your own overrides the four pure functions, keeps
/// channels by their id(), and calls dispatch() for each event; TCP then works on it through the
/// default streams and listeners. docs/architecture.md has one as a worked example.
///
/// Belongs to the thread that makes it, as do all objects made through it, and channels (one used
/// on another thread aborts with a sentence); it must outlive them.
class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller();

  /// "epoll", for reports.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// For reports: what it does in another way on this kernel, and why; empty when nothing.
  [[nodiscard]] virtual std::string fallback() const { return {}; }

  /// Waits up to `timeout` (kForever: without limit; zero: not at all), then dispatches what
  /// happened. Returns the number of events; 0 after a time-out or an interrupting signal. An
  /// exception out of a callback passes through; the poller stays usable and loses no event.
  virtual int poll(Duration timeout) = 0;

  /// The channel's interest() changed and is not empty; may take effect at the next poll(). Throws
  /// std::system_error when the fd can't be watched.
  virtual void update(Channel& channel) = 0;

  /// The channel is no longer to be watched, although its fd may be open still. Never fails.
  virtual void remove(Channel& channel) = 0;

  /// A stream on a connected socket, in blocking or non-blocking mode. The default is built on
  /// Channel and works on every poller; a completion backend overrides it. Throws
  /// std::system_error, and closes fd, when it can't be watched.
  virtual StreamPtr openStream(UniqueFd fd, StreamHandler& handler);
  /// The same for a listening socket.
  virtual std::unique_ptr<Listener> openListener(UniqueFd fd, ListenerHandler& handler);

  /// Hands to the kernel what waits to be submitted with the next poll(), for when there will be
  /// none soon. Nothing to do for a poller that sends at once. Throws std::system_error when the
  /// kernel refuses.
  virtual void flush() {}

  // --- for whoever drives the poller ---

  /// poll(), and then the events that were deferred.
  int runOnce(Duration timeout);

  /// When the current (or the last) batch of events began to be dispatched.
  [[nodiscard]] Timestamp returnTime() const noexcept { return returnTime_; }

  /// Any thread.
  [[nodiscard]] PollerStats stats() const noexcept {
    return {counters_.waits.value(), counters_.receives.value(), counters_.sends.value(),
            counters_.accepts.value()};
  }

  /// One at most, which outlives the poller. nullptr, also from within a handler: none from the
  /// next event on. Without one, dispatching costs nothing more.
  void setObserver(DispatchObserver* observer) noexcept {
    observer_ = observer;
    quick_ = false;
  }

  // --- for backends, and for streams and listeners built on Channel ---

  /// Hands the event to the channel named. Dropped when the channel is gone, or no longer asks for
  /// it. Returns whether it was delivered.
  bool dispatch(SlotId channel, EventMask events) {
    Channel* const target = find(channel);
    if (target == nullptr) return false;
    events &= target->deliverable_;
    if (events == event::kNone) return false;
    if (quick_) {
      target->handle(events);
    } else {
      deliver(*target, events);
    }
    return true;
  }

  /// Delivers the event, whatever the channel's interest, at the end of the next runOnce(), which
  /// then does not wait.
  void defer(SlotId channel, EventMask events);

  /// The channel named, or nullptr when it is gone.
  [[nodiscard]] Channel* find(SlotId channel) noexcept {
    Channel* const* found = channels_.find(channel);
    if (found == nullptr) return nullptr;
    // An occupied slot has a channel: told, the compiler checks for nullptr once, not twice.
    if (*found == nullptr) __builtin_unreachable();
    return *found;
  }
  [[nodiscard]] bool alive(SlotId channel) noexcept { return find(channel) != nullptr; }

  /// A block that all streams of this poller share for receiving: a stream holds it no longer than
  /// one call of its handler.
  [[nodiscard]] std::span<char> receiveBlock() { return {receiveBlock_.get(), kReceiveBlockSize}; }
  /// Where a stream that has filled the other receives next, `most` bytes or fewer: the handler's
  /// own memory, else a larger block that all share, else, without memory for that, the same one.
  /// Exactly one receive follows, and is counted.
  [[nodiscard]] std::span<char> bulkRoom(StreamHandler& handler,
                                         std::size_t most = BulkRoom::kAlone);
  /// A receive that was counted, and had its room from elsewhere, was of a stream that is or
  /// becomes bulky: not one of the others that such streams make way for.
  void noteBulky() noexcept { bulk_.noteFull(); }

  [[nodiscard]] PollerCounters& counters() noexcept { return counters_; }

 protected:
  /// Notes the time at the first event of a batch. dispatch() calls it.
  void markReturn() noexcept {
    if (!quick_) noteReturn();
  }

 private:
  friend class Channel;
  SlotId enroll(Channel& channel) {
    thread_.require("a Channel's constructor");
    return channels_.insert(&channel);
  }
  void withdraw(SlotId channel) {
    thread_.require("~Channel");
    channels_.erase(channel);
  }

  // Small enough to stay in the cache and to be fair to the loop's other connections.
  static constexpr std::size_t kReceiveBlockSize = std::size_t{64} * 1024;

  void noteReturn() noexcept;
  void deliver(Channel& channel, EventMask events);

  struct Deferred {
    SlotId channel;
    EventMask events;
  };

  const ThreadCheck thread_;
  SlotTable<Channel*> channels_;
  std::vector<Deferred> deferred_;
  // Not value-initialised: pages that are never received into cost no memory.
  std::unique_ptr<char[]> receiveBlock_{new char[kReceiveBlockSize]};
  BulkRoom bulk_;
  Timestamp returnTime_ = Clock::now();
  bool returned_ = false;
  bool quick_ = false;  // returned_, and nobody observes: what an event pays is one test
  DispatchObserver* observer_ = nullptr;
  PollerCounters counters_;
};

/// Makes a poller. Called on the thread of the loop that will drive it.
using PollerFactory = std::function<std::unique_ptr<Poller>()>;

}  // namespace tern
