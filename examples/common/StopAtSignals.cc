// StopAtSignals: the first signal is patient, the second is not.
#include "StopAtSignals.h"

#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <csignal>

namespace tern::examples {

using namespace std::chrono_literals;

StopAtSignals::StopAtSignals(EventLoop& loop, TcpServer& server)
    : watcher_(loop, {SIGINT, SIGTERM}, [this, &loop, &server](int) {
        const auto patience = ++signals_ == 1 ? 5s : 0s;
        server.stop(patience, [&loop] { loop.quit(); });
      }) {}

}  // namespace tern::examples
