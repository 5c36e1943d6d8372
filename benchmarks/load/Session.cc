// Setting up of the shared parts.
#include "Session.h"

namespace tern::load {
namespace {

// Shared by all connections, so making it large enough for all that comes costs nothing.
constexpr std::size_t kBufferBytes = 1 << 20;

// A stream has no batches that wait for each other: each of its messages is one, and the depth is
// the number in flight.
std::uint32_t messagesPerBatch(const Options& options) {
  const bool streams = options.work == Work::bulk || options.work == Work::broadcast;
  return streams ? 1 : options.depth;
}

}  // namespace

Session::Session(const Options& options, std::ostream& diagnostics)
    : options_(options),
      pattern_(options.framing, options.size, messagesPerBatch(options)),
      errors_(diagnostics),
      buffer_(kBufferBytes) {
  epoll_.add(interrupt_.fd(), kInterruptTag, EPOLLIN);
}

Connection Session::connect(std::uint32_t id) const {
  const TimePoint start = now();
  Connection connection(options_.server, pattern_, id);
  connection.allowBatch(start);
  // On loopback the handshake is over when connect() returns, so the batch usually leaves here,
  // without a wait.
  connection.flush();
  return connection;
}

Connection Session::join(std::uint32_t id, const Connection& speaker) const {
  Connection connection(options_.server, pattern_, id);
  connection.join(speaker);
  return connection;
}

void Session::watch(const Connection& connection, std::uint32_t tag, bool watchOutput) {
  epoll_.add(connection.fd(), tag, EPOLLIN | EPOLLRDHUP | (watchOutput ? EPOLLOUT : 0U));
}

}  // namespace tern::load
