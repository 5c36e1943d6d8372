// Watchdog: the one thread of a process that looks after the loops that want it.
#pragma once

#include <memory>

namespace tern {

class LoopWatch;

/// The thread starts with the first watch and ends with the last. It sleeps until a callback can be
/// late, and blocks all signals. In a forked child there is none until a watch is added there. At
/// the end of the process nothing is waited for. Any thread.
class Watchdog {
 public:
  Watchdog() = delete;

  /// Looks at it from now on; a watch that it has already is looked at anew. Throws
  /// std::system_error when there is no thread to be had.
  static void add(const std::shared_ptr<LoopWatch>& watch);
  /// No more. Waits for the thread's end if it was the last one.
  static void remove(const LoopWatch& watch) noexcept;
};

}  // namespace tern
