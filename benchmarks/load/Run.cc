// The loop and its phases.
#include "Run.h"

#include <algorithm>

namespace tern::load {
namespace {

// Someone who pressed Ctrl-C wants the figures, not the last answers.
constexpr Duration kPatienceAfterInterrupt = std::chrono::seconds(1);

}  // namespace

Run::Run(Session& session, Result& result)
    : session_(session), result_(result), window_(session.options()) {}

void Run::execute() {
  TimePoint at = now();
  phaseEnd_ = at + fromSeconds(session_.options().warmup);
  nextSweep_ = at + session_.sweepInterval();
  begin(at);
  while (phase_ != Phase::over) {
    const TimePoint wake = std::min({phaseEnd_, nextSweep_, nextDeed()});
    session_.poll(wake - at,
                  [this](std::uint32_t tag, std::uint32_t events) { onEvent(tag, events); });
    at = now();
    onTurn(at);
    if (at >= nextSweep_) {
      dropStalled(at);
      nextSweep_ = at + session_.sweepInterval();
    }
    advance(at);
  }
  result_.verifiedBytes = tally().bytes;
}

void Run::advance(TimePoint at) {
  const bool cutShort = session_.interrupts() != 0 || !anyoneLeft();
  if (phase_ == Phase::warmup && (at >= phaseEnd_ || cutShort)) openWindow();
  // Not "else": what cuts the warm-up short ends the window at once as well.
  if (phase_ == Phase::measuring && (at >= phaseEnd_ || cutShort)) closeWindow(at);
  if (phase_ != Phase::draining) return;
  const bool patienceIsOver = at >= phaseEnd_ || session_.interrupts() > 1;
  if (patienceIsOver) giveUp(at);
  if (patienceIsOver || !anythingUnanswered()) phase_ = Phase::over;
}

void Run::openWindow() {
  phase_ = Phase::measuring;
  result_.latency.clear();
  result_.sendLag.clear();
  window_.open(tally());
  phaseEnd_ = now() + fromSeconds(session_.options().seconds);
}

void Run::closeWindow(TimePoint at) {
  phase_ = Phase::draining;
  window_.close(tally(), result_);
  result_.interrupted = session_.interrupts() != 0;
  const Duration patience = session_.timeout();
  phaseEnd_ = at + (result_.interrupted ? std::min(patience, kPatienceAfterInterrupt) : patience);
}

}  // namespace tern::load
