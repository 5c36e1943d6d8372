// LoopWatch: what a loop is running, since when, and who is told when that takes too long.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "tern/base/Clock.h"
#include "tern/net/CompactAddress.h"
#include "tern/poller/Poller.h"

namespace tern {

/// The loop says when a callback begins and ends, while it has a watchdog, whose thread looks. Of
/// nested callbacks the innermost is the one that runs; the time of one that goes on behind it
/// counts anew.
class LoopWatch final : public DispatchObserver {
 public:
  /// What runs. It refers to nothing but the name, which outlives the callback.
  struct Subject {
    const char* kind = "";
    int fd = -1;                         // of a channel
    const std::string* owner = nullptr;  // of a connection: its server's name
    std::uint64_t id = 0;
    CompactAddress peer;
  };
  static Subject functor() noexcept { return ofKind("a functor"); }
  static Subject timer() noexcept { return ofKind("a timer"); }
  static Subject turnEnd() noexcept { return ofKind("a task at the end of a turn"); }
  static Subject channel(int fd) noexcept { return ofKind("a channel", fd); }

  /// A callback, from its beginning to its end.
  class Scope {
   public:
    Scope(LoopWatch& watch, const Subject& subject) noexcept
        : watch_(watch), before_(watch.begin(subject)) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { watch_.end(before_); }

   private:
    LoopWatch& watch_;
    const std::optional<Subject> before_;
  };

  LoopWatch() = default;
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;
  ~LoopWatch() = default;

  /// The watch of the calling thread's loop, while it has a watchdog; else null.
  static LoopWatch* ofThisThread() noexcept { return current_; }
  /// Runs the call, as a callback that describe() names if this thread's loop is watched.
  template <class Describe, class Call>
  static void run(Describe&& describe, Call&& call) {
    if (LoopWatch* const watch = current_; watch != nullptr) [[unlikely]] {
      const Scope scope(*watch, describe());
      call();
    } else {
      call();
    }
  }

  // --- the loop's thread ---

  /// Takes the name that the thread has now.
  void enable(Duration bound);
  void disable() noexcept;

  // --- any thread ---

  /// Of the callbacks that have ended since it was enabled; zero while it is not.
  [[nodiscard]] Duration longest() const noexcept {
    return Duration(longest_.load(std::memory_order_relaxed));
  }

  // --- the Watchdog's thread ---

  /// What is to be said now, if anything, after which told() must follow; lowers `next` to when it
  /// wants to be asked again.
  [[nodiscard]] std::optional<std::string> check(Timestamp now, Timestamp& next);
  /// What was to be said has been said. Returns what is to be said behind it, if anything.
  [[nodiscard]] std::optional<std::string> told();

 private:
  enum class Report : unsigned char { kNone, kBeingTold, kTold };

  static Subject ofKind(const char* kind, int fd = -1) noexcept {
    Subject subject;
    subject.kind = kind;
    subject.fd = fd;
    return subject;
  }
  void beforeHandler(int fd) noexcept override { begin(channel(fd)); }
  void afterHandler() noexcept override { end({}); }
  std::optional<Subject> begin(const Subject& subject) noexcept;
  void end(const std::optional<Subject>& before) noexcept;
  [[nodiscard]] std::string describe(const Subject& subject) const;
  [[nodiscard]] std::string ending(const Subject& subject, Duration took) const;

  static inline constinit thread_local LoopWatch* current_ = nullptr;

  std::atomic<Duration::rep> longest_{0};

  std::mutex mutex_;  // guards the rest
  std::string thread_;
  Duration bound_ = kForever;
  std::optional<Subject> running_;
  Timestamp since_;
  Report report_ = Report::kNone;     // of what runs
  int ignored_ = 0;                   // callbacks within it that have begun since
  std::optional<std::string> ended_;  // what was told of ended meanwhile: to be said by the teller
};

}  // namespace tern
