// Connecting, sending and the sentences for failures; receiving is inline in the header, because it
// takes a callback.
#include "Connection.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

namespace tern::load {

Connection::Connection(const Endpoint& server, const Pattern& pattern, std::uint32_t id)
    : fd_(::socket(server.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      id_(id),
      server_(&server),
      stream_(pattern, id),
      lastProgress_(now()) {
  if (!fd_) fail(std::string("no socket: ") + std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_.get(), server.address(), server.length()) != 0 && errno != EINPROGRESS) {
    if (errno == EADDRNOTAVAIL) {
      throw NoLocalPort("connection " + std::to_string(id_) +
                        ": no local port is free (see net.ipv4.ip_local_port_range)");
    }
    failWithErrno(errno);
  }
  // When nothing listens and the kernel picks the server's port as ours, TCP connects the socket to
  // itself, and it would echo flawlessly.
  if (server.isLocalAddressOf(fd_.get())) fail("connected to itself, because no server listens");
}

void Connection::flush() {
  while (hasUnsent()) {
    const std::span<const char> bytes = stream_.unsent();
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR) continue;
      failWithErrno(errno);
    }
    stream_.markSent(static_cast<std::size_t>(sent));
    // A short send has filled the socket, and the kernel will raise an edge when there is room:
    // trying again now would only cost a call.
    if (static_cast<std::size_t>(sent) < bytes.size()) return;
  }
}

void Connection::join(const Connection& speaker) {
  stream_.join(speaker.stream_);
  allowed_ = stream_.batchesSent();
}

void Connection::follow(const Connection& speaker) {
  const bool wasAwaiting = isAwaiting();
  stream_.follow(speaker.stream_);
  allowed_ = stream_.batchesSent();
  if (!wasAwaiting && isAwaiting()) lastProgress_ = std::max(lastProgress_, speaker.allowedAt_);
}

void Connection::failIfStalled(TimePoint at, Duration timeout) const {
  if (!isAwaiting() || at - lastProgress_ <= timeout) return;
  char what[64];
  std::snprintf(what, sizeof what, "no answer for %.3g s", toSeconds(at - lastProgress_));
  fail(what);
}

void Connection::closeWithReset() {
  const linger hard{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  fd_.reset();
}

void Connection::fail(const std::string& what) const {
  throw ConnectionError("connection " + std::to_string(id_) + ": " + what);
}

void Connection::failWithErrno(int error) const {
  if (!stream_.anythingSent()) {
    fail("could not connect to " + server_->text() + ": " + std::strerror(error));
  }
  if (error == ECONNRESET || error == EPIPE) fail("reset by the server");
  fail(std::strerror(error));
}

Tally total(std::span<const Connection> connections) {
  Tally sum;
  for (const Connection& connection : connections) sum += connection.stream().tally();
  return sum;
}

}  // namespace tern::load
