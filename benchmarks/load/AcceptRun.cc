// The life of short connections.
#include "AcceptRun.h"

#include <utility>

namespace tern::load {
namespace {

constexpr Duration kPortRetry = std::chrono::milliseconds(1);

}  // namespace

AcceptRun::AcceptRun(Session& session, Result& result)
    : Run(session, result), slots_(session.options().connections) {}

void AcceptRun::begin(TimePoint at) {
  lastOpened_ = at;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) open(slot);
}

void AcceptRun::open(std::uint32_t slot) {
  try {
    slots_[slot] = session_.connect(nextId_++);
    ++inFlight_;
    lastOpened_ = slots_[slot].allowedAt();
    session_.watch(slots_[slot], slot, slots_[slot].hasUnsent());
  } catch (const NoLocalPort&) {
    portless_.push_back(slot);
  } catch (const ConnectionError& error) {
    session_.errors().report(error.what());
  }
}

void AcceptRun::onEvent(std::uint32_t slot, std::uint32_t events) {
  Connection& connection = slots_[slot];
  bool answered = false;
  try {
    session_.serve(connection, events, [&](const Completed& completed, TimePoint at) {
      if (!completed.batchEnded) return;
      result_.latency.record(at - connection.allowedAt());
      answered = true;
    });
  } catch (const ConnectionError& error) {
    fail(slot, error);
    return;
  }
  if (answered) onAnswered(slot);
}

void AcceptRun::onAnswered(std::uint32_t slot) {
  ++tally_.messages;  // here a connection is what counts, whatever its depth
  tally_.bytes += slots_[slot].stream().tally().bytes;
  slots_[slot].closeWithReset();
  --inFlight_;
  if (isStarting()) open(slot);
}

// A slot that has failed is not used again: against a server that has gone, all slots end soon, and
// the run with them.
void AcceptRun::fail(std::uint32_t slot, const ConnectionError& error) {
  session_.errors().report(error.what());
  slots_[slot].closeWithReset();
  --inFlight_;
}

TimePoint AcceptRun::nextDeed() const {
  return portless_.empty() ? TimePoint::max() : now() + kPortRetry;
}

void AcceptRun::onTurn(TimePoint) {
  if (portless_.empty() || !isStarting()) return;
  for (const std::uint32_t slot : std::exchange(portless_, {})) open(slot);
}

void AcceptRun::dropStalled(TimePoint at) {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].isOpen()) continue;
    try {
      slots_[slot].failIfStalled(at, session_.timeout());
    } catch (const ConnectionError& error) {
      fail(slot, error);
    }
  }
  if (portless_.empty() || at - lastOpened_ <= session_.timeout()) return;
  session_.errors().report("no local port came free (see net.ipv4.ip_local_port_range)");
  portless_.clear();
}

}  // namespace tern::load
