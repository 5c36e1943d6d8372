// PollerSpec: which poller a loop shall have, and the report of which one it got.
#pragma once

#include <string>
#include <string_view>

#include "tern/poller/Poller.h"
#include "tern/poller/UringOptions.h"

namespace tern {

enum class PollerKind : unsigned char {
  kPoll,
  kEPoll,
  kUring,
  kAuto,  ///< io_uring when a probe of all that it needs succeeds, else epoll and one log line
};

/// What was asked for, what was chosen, and why.
struct PollerChoice {
  std::string asked;
  std::string chosen;
  std::string reason;
};

/// A recipe for pollers: a kind, a name, or a factory. A value; make() may be called on several
/// threads at once if the factory allows it.
class PollerSpec {
 public:
  /// The process's default: the environment variable TERN_POLLER if it is set, else epoll. Throws
  /// std::invalid_argument when the variable names no poller.
  PollerSpec();
  explicit(false) PollerSpec(PollerKind kind);
  explicit(false) PollerSpec(PollerFactory factory, std::string name = "custom");
  /// io_uring with settings of your own.
  explicit(false) PollerSpec(const UringOptions& options);

  /// "poll", "epoll", "io_uring" or "auto"; anything else throws std::invalid_argument naming it.
  static PollerSpec named(std::string_view name);

  struct Made {
    std::unique_ptr<Poller> poller;
    PollerChoice choice;
  };
  /// Makes a poller for the calling thread. Throws std::system_error saying what the kernel refused
  /// and what to do; an explicit io_uring never falls back to another poller.
  [[nodiscard]] Made make() const;

  /// What this recipe asks for: "epoll", "auto"…
  [[nodiscard]] const std::string& asked() const noexcept { return asked_; }

 private:
  std::string asked_;
  std::string askedBy_ = "by the program";
  PollerFactory factory_;  // empty for kAuto
};

}  // namespace tern
