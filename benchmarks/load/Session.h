// What every kind of work needs: the options, the pattern, one epoll, one read buffer, the error
// log and Ctrl-C.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

#include "Connection.h"
#include "Epoll.h"
#include "ErrorLog.h"
#include "Interrupt.h"
#include "Options.h"
#include "Pattern.h"

namespace tern::load {

class Session {
 public:
  // Both arguments must outlive the session. Throws std::system_error.
  Session(const Options& options, std::ostream& diagnostics);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Options& options() const { return options_; }
  const Pattern& pattern() const { return pattern_; }
  ErrorLog& errors() { return errors_; }
  Duration timeout() const { return fromSeconds(options_.timeout); }
  // How often to look for connections that have waited too long.
  Duration sweepInterval() const { return timeout() / 4; }

  // How many times Ctrl-C was pressed, as far as poll() has seen.
  int interrupts() const { return interrupt_.count(); }

  // Starts a connection with one batch on its way. Throws ConnectionError.
  Connection connect(std::uint32_t id) const;

  // Starts the first connection of a broadcast, which has nothing to say yet.
  Connection start() const { return {options_.server, pattern_, 0}; }
  // Starts a connection that will hear what `speaker` says from now on. Throws ConnectionError.
  Connection join(std::uint32_t id, const Connection& speaker) const;

  // `watchOutput` tells poll() to report room in a full socket too.
  void watch(const Connection& connection, std::uint32_t tag, bool watchOutput);

  // Waits for at most `timeout` and calls onEvent(tag, epoll flags) for each watched connection.
  template <typename OnEvent>
  void poll(Duration timeout, OnEvent&& onEvent) {
    for (const epoll_event& event : epoll_.wait(timeout)) {
      if (event.data.u32 == kInterruptTag) {
        interrupt_.take();
      } else {
        onEvent(event.data.u32, event.events);
      }
    }
  }

  // Lets the connection take in what `events` announce, then send what it may.
  template <typename OnCompleted>
  void serve(Connection& connection, std::uint32_t events, OnCompleted&& completed) {
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
      connection.receive(buffer_, events, completed);
    }
    connection.flush();
  }

 private:
  static constexpr std::uint32_t kInterruptTag = UINT32_MAX;

  const Options& options_;
  Pattern pattern_;
  ErrorLog errors_;
  Epoll epoll_;
  Interrupt interrupt_;
  std::vector<char> buffer_;
};

}  // namespace tern::load
