// Peers: sockets with time-outs that only a hang can meet.
#include "Peers.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <stdexcept>
#include <utility>

namespace tern::testing {
namespace {

constexpr timeval kTimeout{30, 0};
// What takes nothing for so long is full.
constexpr timeval kFull{0, 500'000};

[[noreturn]] void fail(const std::string& what) {
  const int error = errno;
  throw std::runtime_error("peer: " + what + ": " + std::system_category().message(error) +
                           (error == EAGAIN ? " (waited in vain)" : ""));
}

template <class Value>
void setOption(int fd, int level, int option, const Value& value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

// After an interrupted connect(): whether it succeeded; errno tells why not.
bool waitUntilConnected(int fd) {
  pollfd waiting{fd, POLLOUT, 0};
  int n = 0;
  do {
    n = ::poll(&waiting, 1, static_cast<int>(kTimeout.tv_sec) * 1000);
  } while (n < 0 && errno == EINTR);
  int error = ETIMEDOUT;
  socklen_t length = sizeof error;
  if (n > 0) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  return error == 0;
}

}  // namespace

Peer::Peer(const SocketAddress& server, int receiveBuffer)
    : fd_(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!fd_) fail("socket");
  // Before connect(): the window is agreed on there.
  if (receiveBuffer > 0) setOption(fd(), SOL_SOCKET, SO_RCVBUF, receiveBuffer);
  setOption(fd(), SOL_SOCKET, SO_RCVTIMEO, kTimeout);
  setOption(fd(), SOL_SOCKET, SO_SNDTIMEO, kTimeout);
  if (!server.isUnix()) setOption(fd(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd(), server.sockAddr(), server.sockAddrLength()) == 0) return;
  // Interrupted, as by a ring that ended on this thread, it goes on by itself.
  if (errno != EINTR || !waitUntilConnected(fd())) fail("connect");
}

Peer::Peer(UniqueFd connected) : fd_(std::move(connected)) {
  setOption(fd(), SOL_SOCKET, SO_RCVTIMEO, kTimeout);
  setOption(fd(), SOL_SOCKET, SO_SNDTIMEO, kTimeout);
}

PeerListener::PeerListener(const SocketAddress& address)
    : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!fd_ || ::bind(fd_.get(), address.sockAddr(), address.sockAddrLength()) != 0) fail("bind");
  address_ = SocketAddress::localOf(fd_.get()).value();
}

void PeerListener::listen(int backlog) {
  if (::listen(fd_.get(), backlog) != 0) fail("listen");
}

bool PeerListener::hasClient() const {
  pollfd waiting{fd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

Peer PeerListener::accept() {
  setOption(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, kTimeout);
  int fd = -1;
  do {
    fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) fail("accept");
  return Peer(UniqueFd(fd));
}

void Peer::sendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

long Peer::sendNow(std::string_view bytes) {
  return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::size_t Peer::sendUntilFull(std::string_view bytes, std::size_t most) {
  setOption(fd(), SOL_SOCKET, SO_SNDTIMEO, kFull);
  std::size_t sent = 0;
  while (sent < most) {
    const std::string_view next = bytes.substr(sent % bytes.size(), most - sent);
    const ssize_t n = ::send(fd(), next.data(), next.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) fail("send");
    sent += static_cast<std::size_t>(n);
  }
  setOption(fd(), SOL_SOCKET, SO_SNDTIMEO, kTimeout);
  return sent;
}

std::string Peer::receiveSome(std::size_t most) {
  std::string bytes(most, '\0');
  ssize_t n = 0;
  do {
    n = ::recv(fd(), bytes.data(), bytes.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail("recv");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

std::string Peer::receiveExactly(std::size_t length) {
  std::string bytes(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const ssize_t n = ::recv(fd(), bytes.data() + got, length - got, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("recv");
    if (n == 0) {
      throw std::runtime_error("peer: the connection ended after " + std::to_string(got) + " of " +
                               std::to_string(length) + " bytes");
    }
    got += static_cast<std::size_t>(n);
  }
  return bytes;
}

Peer::End Peer::receiveUntilEnd() {
  End end;
  std::string block(std::size_t{64} * 1024, '\0');
  for (;;) {
    const ssize_t n = ::recv(fd(), block.data(), block.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) fail("recv");
    if (n < 0) end.error = {errno, std::system_category()};
    if (n <= 0) return end;
    end.bytes.append(block.data(), static_cast<std::size_t>(n));
  }
}

std::string Peer::receiveUntilEof() {
  End end = receiveUntilEnd();
  if (end.error) {
    throw std::runtime_error("peer: end of file was expected, not: " + end.error.message());
  }
  return std::move(end.bytes);
}

void Peer::shutdownWrite() {
  if (::shutdown(fd(), SHUT_WR) != 0) fail("shutdown");
}

void Peer::reset() {
  setOption(fd(), SOL_SOCKET, SO_LINGER, linger{1, 0});
  fd_.reset();
}

SocketAddress Peer::localAddress() const {
  return SocketAddress::localOf(fd()).value_or(SocketAddress());
}

std::string patternOf(std::size_t length, unsigned seed) {
  std::minstd_rand random(seed);
  std::string bytes(length, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random() >> 8U); });
  return bytes;
}

void expectSameBytes(std::string_view actual, std::string_view expected) {
  const auto [a, e] = std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end());
  if (a == actual.end() && e == expected.end()) return;
  ADD_FAILURE() << "got " << actual.size() << " bytes for " << expected.size()
                << "; they differ from byte " << (a - actual.begin()) << " on";
}

}  // namespace tern::testing
