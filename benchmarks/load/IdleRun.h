// What an idle connection costs the server in memory.
#pragma once

#include <vector>

#include "Connection.h"
#include "Result.h"
#include "Session.h"

namespace tern::load {

// Opens the connections with one echo each, holds them, and compares the server's memory at the end
// of the hold with that before the first of them.
class IdleRun {
 public:
  IdleRun(Session& session, Result& result);  // both must outlive the run

  // Ends early at an error while opening, and at Ctrl-C. A connection that the server closes during
  // the hold is an error.
  void execute();

 private:
  bool wakeServer();
  void hold();

  Session& session_;
  Result& result_;
  std::vector<Connection> connections_;
};

}  // namespace tern::load
