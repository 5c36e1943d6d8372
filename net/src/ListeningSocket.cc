// ListeningSocket: socket, bind, listen.
#include "ListeningSocket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tern/base/Error.h"

namespace tern {

std::string bindAdvice(int errnum, const SocketAddress& address) {
  if (address.isUnix()) {
    switch (errnum) {
      case EADDRINUSE:
        return ": another socket, or a file, has this name";
      case EACCES:
      case ENOENT:
      case ENOTDIR:
      case EROFS:
        return ": its folder must exist and be writable";
      case EOPNOTSUPP:
        return ": a listener a loop (SO_REUSEPORT) is for IP addresses";
      default:
        return "";
    }
  }
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

namespace {

[[noreturn]] void fail(int errnum, const SocketAddress& address) {
  throwSystemError(errnum, "can't listen on " + address.toString() + bindAdvice(errnum, address));
}

void set(int fd, int level, int option, int value, const SocketAddress& address) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail(errno, address);
}

void setIpOptions(int fd, const SocketAddress& address, bool reusePort) {
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1, address);
  if (reusePort) set(fd, SOL_SOCKET, SO_REUSEPORT, 1, address);
  // Whatever the machine's default is.
  if (address.isIpv6()) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, address);
  // Accepted sockets inherit it: a system call less for each.
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1, address);
}

UniqueFd makeSocket(const SocketAddress& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail(errno, address);
  return fd;
}

bool bindTo(int fd, const SocketAddress& address) {
  return ::bind(fd, address.sockAddr(), address.sockAddrLength()) == 0;
}

// The file outlives the process that made it. That nobody listens shows in a refusal, which a file
// of any other kind gives, too.
bool isStale(const SocketAddress& address) {
  struct stat file{};
  if (::lstat(std::string(address.path()).c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) {
    return false;
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return probe && ::connect(probe.get(), address.sockAddr(), address.sockAddrLength()) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

UniqueFd bindListeningSocket(const SocketAddress& address, bool reusePort) {
  UniqueFd fd = makeSocket(address);
  if (!address.isUnix()) {
    setIpOptions(fd.get(), address, reusePort);
  } else if (reusePort) {
    fail(EOPNOTSUPP, address);
  }
  if (bindTo(fd.get(), address)) return fd;
  const int error = errno;
  if (error != EADDRINUSE || address.path().empty() || !isStale(address)) fail(error, address);
  ::unlink(std::string(address.path()).c_str());
  if (!bindTo(fd.get(), address)) fail(errno, address);
  return fd;
}

void listenOn(int fd) {
  if (::listen(fd, SOMAXCONN) == 0) return;
  const int error = errno;
  if (const auto address = SocketAddress::localOf(fd)) fail(error, *address);
  throwSystemError(error, "can't listen on fd " + std::to_string(fd));
}

}  // namespace tern
