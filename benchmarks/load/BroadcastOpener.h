// Opens the connections of a broadcast, a bounded number at a time.
#pragma once

#include <cstdint>
#include <span>

#include "Connection.h"
#include "Session.h"

namespace tern::load {

// The last of each group of new connections says one message, which all that are there must hear.
// A server that accepts in the order of connecting has then accepted the whole group, and nobody
// misses what is said later. In the end every connection has heard a message.
class BroadcastOpener {
 public:
  // Connection i of `connections` is watched under the tag i. Both must outlive the opener.
  BroadcastOpener(Session& session, std::span<Connection> connections);

  // Returns whether all are open. Stops at the first error, which it reports, and at Ctrl-C; takes
  // no longer than the session's timeout without progress.
  bool run();

 private:
  void connectGroup();
  void onEvent(std::uint32_t id, std::uint32_t events);
  void checkForStalls();

  Session& session_;
  std::span<Connection> connections_;
  std::uint32_t started_ = 0;
  std::uint32_t speaker_ = 0;
  std::uint64_t heard_ = 0;  // how often a connection has heard the current message
  TimePoint nextCheck_;
};

}  // namespace tern::load
