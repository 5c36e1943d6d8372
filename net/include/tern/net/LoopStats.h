// LoopStats: what an EventLoop has done since it was made, and what waits for it now.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tern/base/Clock.h"
#include "tern/poller/Poller.h"

namespace tern {

/// A copy; its counts are read one after the other while they grow.
struct LoopStats {
  std::uint64_t turns = 0;
  std::uint64_t events = 0;      ///< handed out; events a turn: events / turns
  std::uint64_t mostEvents = 0;  ///< in one turn
  std::uint64_t functorsRun = 0;
  std::size_t functorsWaiting = 0;
  std::uint64_t timersFired = 0;
  std::size_t timersPending = 0;  ///< those that connections, servers and clients hold included
  std::size_t connections = 0;    ///< assigned to this loop
  /// Of the callbacks that have ended since EventLoop::setWatchdog() was called; zero without a
  /// watchdog: it takes a clock.
  Duration longestCallback{0};
  PollerStats poller;
};

}  // namespace tern
