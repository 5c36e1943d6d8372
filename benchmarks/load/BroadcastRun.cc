// What is said, who has heard it, and what that costs on the client's side.
#include "BroadcastRun.h"

namespace tern::load {

BroadcastRun::BroadcastRun(Session& session, std::vector<Connection>& connections, Result& result)
    : Run(session, result),
      connections_(connections),
      messages_(session.options().depth),
      alive_(session.options().connections) {}

void BroadcastRun::begin(TimePoint at) {
  // Another one may have spoken last while the connections were opened.
  speaker().follow(connections_.back());
  for (std::size_t i = 0; i < messages_.size(); ++i) say(at);
  flushSpeaker();
}

void BroadcastRun::say(TimePoint at) {
  message(speaker().batchesAllowed()) = {at, alive_};
  speaker().allowBatch(at);
  ++underWay_;
}

void BroadcastRun::heard(std::uint64_t number, TimePoint at) {
  if (--message(number).unheard != 0) return;
  --underWay_;
  if (isStarting() && speaker().isOpen()) say(at);
}

void BroadcastRun::onEvent(std::uint32_t id, std::uint32_t events) {
  Connection& connection = connections_[id];
  if (!connection.isOpen()) return;
  try {
    if (id != 0) connection.follow(speaker());
    session_.serve(connection, events, [this](const Completed& completed, TimePoint at) {
      result_.latency.record(at - message(completed.batch).said, 1);
      heard(completed.batch, at);
    });
  } catch (const ConnectionError& error) {
    drop(connection, error);
  }
  flushSpeaker();
}

// Nothing happens unless a message was said that has not left, and the socket had room before.
void BroadcastRun::flushSpeaker() {
  if (!speaker().isOpen() || !speaker().hasUnsent()) return;
  try {
    speaker().flush();
  } catch (const ConnectionError& error) {
    drop(speaker(), error);
  }
}

void BroadcastRun::dropStalled(TimePoint at) {
  for (Connection& connection : connections_) {
    if (!connection.isOpen()) continue;
    try {
      if (&connection != &speaker()) connection.follow(speaker());
      connection.failIfStalled(at, session_.timeout());
    } catch (const ConnectionError& error) {
      drop(connection, error);
    }
  }
  flushSpeaker();
}

void BroadcastRun::giveUp(TimePoint at) {
  for (const Message& message : messages_) {
    result_.unanswered += message.unheard;
    if (message.unheard != 0) result_.latency.record(at - message.said, message.unheard);
  }
}

void BroadcastRun::drop(Connection& connection, const ConnectionError& error) {
  session_.errors().report(error.what());
  connection.close();
  --alive_;
  const TimePoint at = now();
  // What is said from here on does not count this one any more.
  const std::uint64_t end = speaker().batchesAllowed();
  for (std::uint64_t number = connection.stream().batchesAnswered(); number < end; ++number) {
    heard(number, at);
  }
}

}  // namespace tern::load
