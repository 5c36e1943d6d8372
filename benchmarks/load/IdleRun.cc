// Opening, holding, comparing.
#include "IdleRun.h"

#include <optional>
#include <span>

#include "Opener.h"
#include "ServerProcess.h"
#include "Window.h"

namespace tern::load {

IdleRun::IdleRun(Session& session, Result& result)
    : session_(session), result_(result), connections_(session.options().connections) {}

void IdleRun::execute() {
  std::optional<ServerProcess> server;
  if (session_.options().serverPid) server.emplace(*session_.options().serverPid);

  if (!wakeServer()) return;
  if (server) result_.residentBefore = server->residentBytes();
  if (Opener(session_, connections_, result_.latency).run()) {
    hold();
    if (server) result_.residentAfter = server->residentBytes();
  }
  const Tally answered = total(connections_);
  result_.requests = answered.messages;
  result_.verifiedBytes = answered.bytes;
}

// What the server sets up once, with its first connection, is no connection's cost: the first comes
// and goes beforehand.
bool IdleRun::wakeServer() {
  Connection first;
  Histogram unused;
  return Opener(session_, {&first, 1}, unused).run();
}

void IdleRun::hold() {
  Window window(session_.options());
  window.open({});
  const TimePoint end = now() + fromSeconds(session_.options().seconds);
  for (TimePoint at = now(); at < end && session_.interrupts() == 0; at = now()) {
    session_.poll(end - at, [this](std::uint32_t id, std::uint32_t events) {
      try {
        session_.serve(connections_[id], events, [](const Completed&, TimePoint) {});
      } catch (const ConnectionError& error) {
        session_.errors().report(error.what());
        connections_[id].close();
      }
    });
  }
  window.close({}, result_);
}

}  // namespace tern::load
