// LoopRun: running a loop on the test's own thread, with a net under it: a loop that nobody ends
// fails the test instead of hanging it.
#pragma once

#include <tern/net/EventLoop.h>

#include <functional>

namespace tern::testing {

/// loop(), for a test that calls quit() itself.
void run(EventLoop& loop);

/// Runs the loop until the condition holds. It is asked every millisecond, on the loop's thread.
void runUntil(EventLoop& loop, const std::function<bool()>& condition);

/// Runs the loop for so many turns, none of which waits.
void runTurns(EventLoop& loop, int turns);

}  // namespace tern::testing
