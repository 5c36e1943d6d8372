// ServerProgram: what the example servers have in common: arguments, logging, the ready line, and
// an orderly end.
#pragma once

#include <tern/net/TcpServer.h>

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace tern::examples {

/// A server program, from its arguments to its exit status:
///
///   --listen HOST:PORT   where to listen (port 0: the kernel chooses)
///   --poller NAME        poll, epoll, io_uring or auto (default: TERN_POLLER, or epoll)
///   --threads N          how many loops serve connections; 1: the accepting loop itself
///   --busy-poll US       microseconds to look for events before a loop sleeps (default: 0)
///   --watchdog MS        warn of callbacks that run longer than that (default: 0, never)
///
/// It makes the loop and the server, lets `configure` set the callbacks, starts, and prints one
/// line: "listening on 127.0.0.1:40123 (poller epoll, threads 1)". At SIGINT or SIGTERM it drains
/// for up to five seconds; at a second one it ends at once. Returns 0 after that, 2 for wrong usage
/// and 1 when something else fails, each with one sentence on stderr.
///
/// `addOptions` adds options of the program's own; they are set when `configure` runs, which may
/// refuse them with std::invalid_argument.
int runServerProgram(int argc, char** argv, const std::string& description,
                     const std::function<void(TcpServer&)>& configure,
                     const std::function<void(CLI::App&)>& addOptions = {});

}  // namespace tern::examples
