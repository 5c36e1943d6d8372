// The opening loop.
#include "Opener.h"

namespace tern::load {
namespace {

// Below the smallest backlog in common use, 128.
constexpr std::uint32_t kInFlight = 64;

}  // namespace

Opener::Opener(Session& session, std::span<Connection> connections, Histogram& latency)
    : session_(session), connections_(connections), latency_(latency) {}

bool Opener::run() {
  try {
    while (opened_ < connections_.size()) {
      startMore();
      session_.poll(session_.sweepInterval(),
                    [this](std::uint32_t id, std::uint32_t events) { onEvent(id, events); });
      if (session_.interrupts() != 0) return false;
      checkForStalls();
    }
    return true;
  } catch (const ConnectionError& error) {
    session_.errors().report(error.what());
    return false;
  }
}

void Opener::startMore() {
  while (started_ < connections_.size() && started_ - opened_ < kInFlight) {
    connections_[started_] = session_.connect(started_);
    session_.watch(connections_[started_], started_, true);
    ++started_;
  }
}

void Opener::onEvent(std::uint32_t id, std::uint32_t events) {
  Connection& connection = connections_[id];
  session_.serve(connection, events, [&](const Completed& completed, TimePoint at) {
    latency_.record(at - connection.allowedAt(), completed.messages);
    if (completed.batchEnded) ++opened_;
  });
}

void Opener::checkForStalls() {
  const TimePoint at = now();
  if (at < nextCheck_) return;
  nextCheck_ = at + session_.sweepInterval();
  for (const Connection& connection : connections_.first(started_)) {
    connection.failIfStalled(at, session_.timeout());
  }
}

}  // namespace tern::load
