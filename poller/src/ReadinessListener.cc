// ReadinessListener: accept4 driven by level-triggered readiness.
#include "ReadinessListener.h"

#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "FdMode.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"

namespace tern {
namespace {

// A connection storm gets this many in a turn before the established connections have theirs.
constexpr int kAcceptsPerTurn = 64;

}  // namespace

ReadinessListener::ReadinessListener(Poller& poller, UniqueFd fd, ListenerHandler& handler)
    : fd_(std::move(fd)), channel_(poller, fd_.get(), *this), handler_(handler) {
  setNonBlocking(fd_.get(), true);
  channel_.enableReading();
}

// A poller that submits later would hold the socket, and with it the port, until its next turn: a
// server that takes the place of this one must not fail.
ReadinessListener::~ReadinessListener() {
  channel_.disableAll();
  try {
    channel_.poller().flush();
  } catch (const std::exception& error) {
    log(LogLevel::kError,
        [&] { return std::string("a port stays taken until the next turn: ") + error.what(); });
  }
}

void ReadinessListener::onEvents(EventMask /*events*/) {
  Poller& poller = channel_.poller();
  const SlotId id = channel_.id();
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    // The streams do not depend on the mode of the fd, and a completion backend wants it blocking.
    UniqueFd accepted(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int error = errno;
    ++poller.counters().accepts;
    if (accepted) {
      handler_.onAccept(std::move(accepted));
    } else {
      if (error == EAGAIN) return;
      if (error == EINTR) continue;
      handler_.onAcceptError(systemError(error));
    }
    if (!poller.alive(id) || !channel_.isReading()) return;
  }
}

}  // namespace tern
