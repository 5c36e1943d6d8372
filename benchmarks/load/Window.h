// The measured window: readings at its opening, and their differences at its close.
#pragma once

#include <optional>

#include "Clock.h"
#include "EchoStream.h"
#include "Result.h"
#include "ServerProcess.h"

namespace tern::load {

class Window {
 public:
  explicit Window(const Options& options);

  // `tally` is what had been answered by then.
  void open(const Tally& tally);
  // Fills in the figures of `result` that belong to the window.
  void close(const Tally& tally, Result& result) const;

 private:
  struct Reading {
    TimePoint at;
    Duration clientCpu{0};
    std::optional<Duration> serverCpu;
    Tally tally;
  };

  Reading read(const Tally& tally) const;

  std::optional<ServerProcess> server_;
  Reading opening_;
};

}  // namespace tern::load
