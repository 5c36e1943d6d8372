// What a run found out, in base units; Report.h turns it into text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "Clock.h"
#include "Histogram.h"
#include "Options.h"

namespace tern::load {

struct Result {
  Options options;

  // Counted between the two ends of the measured window.
  Duration measured{0};
  std::uint64_t requests =
      0;  // messages answered; Work::acceptRate: connections; broadcast: deliveries
  std::uint64_t bytes = 0;  // that came back and were right, frame headers included
  Duration clientCpu{0};
  std::optional<Duration> serverCpu;

  // Of every message that was answered in the window or, having been sent before its end,
  // afterwards: an answer that was still out when the window closed would otherwise be missing from
  // the very tail that it belongs to. Messages that were never answered are in it with the time
  // that they had waited.
  Histogram latency;
  Histogram
      sendLag;  // open loop: how late, by the client's own doing, batches were tried to be sent

  // Of the whole run.
  std::uint64_t verifiedBytes = 0;
  std::optional<std::uint64_t> segments;  // in which those came; Work::echo and Work::bulk
  std::uint64_t errors = 0;
  std::string firstError;
  std::uint64_t unanswered =
      0;  // messages given up on while their connection was still making progress
  bool interrupted = false;

  // Work::idle with a server pid.
  std::optional<std::uint64_t> residentBefore;
  std::optional<std::uint64_t> residentAfter;
};

}  // namespace tern::load
