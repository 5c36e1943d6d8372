// StopAtSignals: how a server program ends.
#pragma once

#include <tern/net/SignalWatcher.h>

namespace tern {
class EventLoop;
class TcpServer;
}  // namespace tern

namespace tern::examples {

/// At SIGINT or SIGTERM the server drains, for five seconds at most, and its base loop ends; at the
/// second signal at once. To be made on the base loop's thread, before TcpServer::start(): threads
/// inherit the blocked signals. Server and loop must outlive it.
class StopAtSignals {
 public:
  StopAtSignals(EventLoop& loop, TcpServer& server);

 private:
  int signals_ = 0;
  SignalWatcher watcher_;
};

}  // namespace tern::examples
