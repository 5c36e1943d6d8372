// Program: what the example programs have in common: arguments, logging, and the exit status.
#pragma once

#include <tern/net/SocketAddress.h>
#include <tern/poller/PollerSpec.h>

#include <chrono>
#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace tern {
class EventLoop;
}

namespace tern::examples {

/// A program, from its arguments to its exit status: parses those that `addOptions` adds, sends
/// tern's log to stderr, and calls `run` with the program's name. Returns what that returns; 2 for
/// wrong usage (also a std::invalid_argument out of `run`) and 1 when something else is thrown,
/// each with one sentence on stderr.
int runProgram(int argc, char** argv, const std::string& description,
               const std::function<void(CLI::App&)>& addOptions,
               const std::function<int(const std::string& program)>& run);

/// --poller NAME: poll, epoll, io_uring or auto (default: TERN_POLLER, or epoll).
class PollerArgument {
 public:
  void addTo(CLI::App& app);
  /// After parsing. Throws std::invalid_argument.
  [[nodiscard]] PollerSpec spec() const;

 private:
  std::string name_;
};

/// What every server is told:
///
///   --listen HOST:PORT   where to listen (port 0: the kernel chooses)
///   --poller NAME
///   --threads N          how many loops serve; 1: the main one itself
///   --busy-poll US       microseconds to look for events before a loop sleeps (default: 0)
///   --watchdog MS        warn of callbacks that run longer than that (default: 0, never)
class ServerArguments {
 public:
  void addTo(CLI::App& app);

  /// After parsing. The first throws std::invalid_argument.
  [[nodiscard]] SocketAddress listen() const;
  [[nodiscard]] PollerSpec poller() const { return poller_.spec(); }
  [[nodiscard]] unsigned threads() const noexcept { return threads_; }
  /// Gives a loop that serves its settings. The loop's thread.
  void configure(EventLoop& loop) const;

  /// Prints the ready line: "listening on 127.0.0.1:40123 (poller epoll, threads 1)".
  void printReady(const SocketAddress& address, const EventLoop& loop) const;

 private:
  std::string listen_ = "127.0.0.1:0";
  PollerArgument poller_;
  unsigned threads_ = 1;
  unsigned busyPoll_ = 0;
  unsigned watchdog_ = 0;
};

}  // namespace tern::examples
