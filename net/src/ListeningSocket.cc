// ListeningSocket: socket, bind, listen.
#include "ListeningSocket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "tern/base/Error.h"

namespace tern {
namespace {

std::string adviceFor(int errnum) {
  switch (errnum) {
    case EADDRINUSE:
      return ": another socket has this address; choose another port, or 0 for any";
    case EADDRNOTAVAIL:
      return ": no interface of this machine has this address";
    case EACCES:
      return ": ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    default:
      return "";
  }
}

[[noreturn]] void fail(int errnum, const std::string& address) {
  throwSystemError(errnum, "can't listen on " + address + adviceFor(errnum));
}

void enable(int fd, int level, int option, const InetAddress& address) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) != 0) fail(errno, address.toIpPort());
}

}  // namespace

UniqueFd bindListeningSocket(const InetAddress& address, bool reusePort) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) fail(errno, address.toIpPort());
  enable(fd.get(), SOL_SOCKET, SO_REUSEADDR, address);
  if (reusePort) enable(fd.get(), SOL_SOCKET, SO_REUSEPORT, address);
  // Accepted sockets inherit it: a system call less for each.
  enable(fd.get(), IPPROTO_TCP, TCP_NODELAY, address);
  if (::bind(fd.get(), address.sockAddr(), address.sockAddrLength()) != 0) {
    fail(errno, address.toIpPort());
  }
  return fd;
}

void listenOn(int fd) {
  if (::listen(fd, SOMAXCONN) == 0) return;
  const int error = errno;
  const auto address = InetAddress::localOf(fd);
  fail(error, address ? address->toIpPort() : "fd " + std::to_string(fd));
}

}  // namespace tern
