// DatagramPeer: sendto and recvfrom.
#include "support/DatagramPeer.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::system_category(), std::string("datagram peer: ") + what);
}

}  // namespace

bool machineHasIpv6() {
  const SocketAddress any(0, true, true);
  const UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd && ::bind(fd.get(), any.sockAddr(), any.sockAddrLength()) == 0;
}

DatagramPeer::DatagramPeer(const SocketAddress& address)
    : fd_(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  if (!fd_) fail("socket");
  const timeval patience{kPatience.count(), 0};
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) fail("option");
  if (::bind(fd(), address.sockAddr(), address.sockAddrLength()) != 0) fail("bind");
}

void DatagramPeer::sendTo(const SocketAddress& to, std::string_view bytes) const {
  ssize_t n = 0;
  do {
    n = ::sendto(fd(), bytes.data(), bytes.size(), 0, to.sockAddr(), to.sockAddrLength());
  } while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(bytes.size())) fail("sendto");
}

DatagramPeer::Received DatagramPeer::receive() const {
  std::string bytes(std::size_t{1} << 16U, '\0');
  sockaddr_in6 from{};
  socklen_t length = sizeof from;
  ssize_t n = 0;
  do {
    n = ::recvfrom(fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from),
                   &length);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail("recvfrom");
  bytes.resize(static_cast<std::size_t>(n));
  if (from.sin6_family == AF_INET6) return {std::move(bytes), SocketAddress(from)};
  return {std::move(bytes), SocketAddress(reinterpret_cast<const sockaddr_in&>(from))};
}

bool DatagramPeer::quiet() const {
  char byte = 0;
  return ::recv(fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

SocketAddress DatagramPeer::address() const {
  return SocketAddress::localOf(fd()).value_or(SocketAddress());
}

}  // namespace tern::testing
