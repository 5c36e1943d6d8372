// Opens the connections of a run, a bounded number at a time.
#pragma once

#include <cstdint>
#include <span>

#include "Connection.h"
#include "Histogram.h"
#include "Session.h"

namespace tern::load {

// A connection is open when one batch has made the round trip: only then has the server really
// accepted it, and a bounded number in flight can't overrun the queue of those not yet accepted.
class Opener {
 public:
  // Connection i of `connections` is watched under the tag i. All three must outlive the opener.
  Opener(Session& session, std::span<Connection> connections, Histogram& latency);

  // Returns whether all are open. Stops at the first error, which it reports, and at Ctrl-C; takes
  // no longer than the session's timeout without progress.
  bool run();

 private:
  void startMore();
  void onEvent(std::uint32_t id, std::uint32_t events);
  void checkForStalls();

  Session& session_;
  std::span<Connection> connections_;
  Histogram& latency_;
  std::uint32_t started_ = 0;
  std::uint32_t opened_ = 0;
  TimePoint nextCheck_;
};

}  // namespace tern::load
