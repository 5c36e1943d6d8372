// One event, one recv, one send: the path that every message takes, and what is counted on it.
#include "EchoRun.h"

namespace tern::load {
namespace {

// Opening the connection took the first batch of each.
constexpr std::uint64_t kOpeningBatches = 1;

// An open loop stops sleeping this long before a batch is due, and polls: a sleeping thread wakes
// up tens of microseconds late, sometimes more, and that would count as the server's latency.
constexpr Duration kAwakeBeforeDue = std::chrono::microseconds(200);

// Late batches that leave in one go before answers are looked at again.
constexpr int kBatchesPerTurn = 64;

}  // namespace

EchoRun::EchoRun(Session& session, std::vector<Connection>& connections, Result& result)
    : Run(session, result),
      connections_(connections),
      pace_(session.options().work == Work::bulk ? Pace::stream
            : session.options().rate             ? Pace::openLoop
                                                 : Pace::closedLoop),
      alive_(connections.size()) {}

void EchoRun::begin(TimePoint at) {
  const Options& options = session_.options();
  if (pace_ == Pace::openLoop) {
    schedule_.emplace(at, *options.rate, options.depth, options.connections);
    return;
  }
  const std::uint32_t inFlight = pace_ == Pace::stream ? options.depth : 1;
  for (Connection& connection : connections_) {
    const TimePoint start = now();
    for (std::uint32_t i = 0; i < inFlight; ++i) allow(connection, start);
    try {
      connection.flush();
    } catch (const ConnectionError& error) {
      drop(connection, error);
    }
  }
}

void EchoRun::onEvent(std::uint32_t id, std::uint32_t events) {
  Connection& connection = connections_[id];
  try {
    session_.serve(connection, events, [this, id](const Completed& completed, TimePoint at) {
      onCompleted(id, completed, at);
    });
  } catch (const ConnectionError& error) {
    drop(connection, error);
  }
}

void EchoRun::onCompleted(std::uint32_t id, const Completed& completed, TimePoint at) {
  if (pace_ != Pace::stream) {
    result_.latency.record(at - startOf(id, completed.batch), completed.messages);
  }
  if (!completed.batchEnded) return;
  --batchesUnanswered_;
  if (pace_ != Pace::openLoop && isStarting()) allow(connections_[id], at);
}

TimePoint EchoRun::startOf(std::uint32_t id, std::uint64_t batch) const {
  return schedule_ ? schedule_->intended(id, batch - kOpeningBatches)
                   : connections_[id].allowedAt();
}

void EchoRun::allow(Connection& connection, TimePoint at) {
  connection.allowBatch(at);
  ++batchesUnanswered_;
}

TimePoint EchoRun::nextDeed() const {
  if (!schedule_ || !isStarting()) return TimePoint::max();
  return schedule_->next() - kAwakeBeforeDue;
}

void EchoRun::onTurn(TimePoint at) {
  if (!schedule_ || !isStarting()) return;
  for (int i = 0; i < kBatchesPerTurn && schedule_->next() <= at; ++i) {
    const TimePoint intended = schedule_->next();
    sendOnTime(schedule_->take(), intended);
  }
}

void EchoRun::sendOnTime(std::uint32_t id, TimePoint intended) {
  Connection& connection = connections_[id];
  if (!connection.isOpen()) return;
  const TimePoint at = now();
  result_.sendLag.record(at - intended);
  // A socket that is full keeps its batches until it says that there is room: to try again here
  // would be in vain.
  const bool blocked = connection.hasUnsent();
  allow(connection, at);
  if (blocked) return;
  try {
    connection.flush();
  } catch (const ConnectionError& error) {
    drop(connection, error);
  }
}

void EchoRun::dropStalled(TimePoint at) {
  for (Connection& connection : connections_) {
    if (!connection.isOpen()) continue;
    try {
      connection.failIfStalled(at, session_.timeout());
    } catch (const ConnectionError& error) {
      drop(connection, error);
    }
  }
}

void EchoRun::giveUp(TimePoint at) {
  for (std::uint32_t id = 0; id < connections_.size(); ++id) {
    const Connection& connection = connections_[id];
    if (!connection.isOpen()) continue;
    std::uint32_t answered = connection.stream().messagesAnsweredInBatch();
    for (std::uint64_t batch = connection.stream().batchesAnswered();
         batch < connection.batchesAllowed(); ++batch) {
      const std::uint32_t messages = session_.pattern().depth() - answered;
      answered = 0;
      result_.unanswered += messages;
      if (pace_ != Pace::stream) result_.latency.record(at - startOf(id, batch), messages);
    }
  }
}

void EchoRun::drop(Connection& connection, const ConnectionError& error) {
  session_.errors().report(error.what());
  connection.close();
  --alive_;
  batchesUnanswered_ -= connection.batchesUnanswered();
}

}  // namespace tern::load
