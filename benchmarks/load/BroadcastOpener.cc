// The opening loop of a broadcast.
#include "BroadcastOpener.h"

#include <algorithm>

namespace tern::load {
namespace {

// Below the smallest backlog in common use, 128.
constexpr std::uint32_t kGroup = 64;

}  // namespace

BroadcastOpener::BroadcastOpener(Session& session, std::span<Connection> connections)
    : session_(session), connections_(connections) {}

bool BroadcastOpener::run() {
  try {
    while (started_ < connections_.size()) {
      connectGroup();
      while (heard_ < started_) {
        session_.poll(session_.sweepInterval(),
                      [this](std::uint32_t id, std::uint32_t events) { onEvent(id, events); });
        if (session_.interrupts() != 0) return false;
        checkForStalls();
      }
    }
    return true;
  } catch (const ConnectionError& error) {
    session_.errors().report(error.what());
    return false;
  }
}

void BroadcastOpener::connectGroup() {
  const Connection& before = connections_[speaker_];
  const auto end = std::min<std::size_t>(started_ + kGroup, connections_.size());
  for (; started_ < end; ++started_) {
    // The first has nobody to join, and starts the sequence of messages.
    Connection& connection = connections_[started_];
    connection = started_ == 0 ? session_.start() : session_.join(started_, before);
    session_.watch(connection, started_, true);
  }
  speaker_ = started_ - 1;
  heard_ = 0;
  connections_[speaker_].allowBatch(now());
  connections_[speaker_].flush();
}

void BroadcastOpener::onEvent(std::uint32_t id, std::uint32_t events) {
  Connection& connection = connections_[id];
  if (id != speaker_) connection.follow(connections_[speaker_]);
  session_.serve(connection, events, [this](const Completed&, TimePoint) { ++heard_; });
}

void BroadcastOpener::checkForStalls() {
  const TimePoint at = now();
  if (at < nextCheck_) return;
  nextCheck_ = at + session_.sweepInterval();
  for (std::uint32_t id = 0; id < started_; ++id) {
    if (id != speaker_) connections_[id].follow(connections_[speaker_]);
    connections_[id].failIfStalled(at, session_.timeout());
  }
}

}  // namespace tern::load
