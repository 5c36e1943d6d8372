// DatagramSocket: socket, options, bind or connect.
#include "DatagramSocket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "ListeningSocket.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

void set(const UniqueFd& fd, int level, int option, int value, const std::string& attempt) {
  if (::setsockopt(fd.get(), level, option, &value, sizeof value) == 0) return;
  throwSystemError(errno, attempt);
}

UniqueFd open(const SocketAddress& address, const UdpOptions& options, const std::string& attempt) {
  UniqueFd fd(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd) throwSystemError(errno, attempt);
  // Whatever net.ipv6.bindv6only says.
  if (address.isIpv6()) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, attempt);
  if (options.reusePort) set(fd, SOL_SOCKET, SO_REUSEPORT, 1, attempt);
  if (options.receiveBuffer > 0) set(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBuffer, attempt);
  if (options.sendBuffer > 0) set(fd, SOL_SOCKET, SO_SNDBUF, options.sendBuffer, attempt);
  return fd;
}

}  // namespace

UniqueFd bindDatagramSocket(const SocketAddress& address, const UdpOptions& options) {
  const std::string attempt = "can't receive datagrams on " + address.toIpPort();
  UniqueFd fd = open(address, options, attempt);
  if (::bind(fd.get(), address.sockAddr(), address.sockAddrLength()) != 0) {
    const int error = errno;
    throwSystemError(error, attempt + bindAdvice(error, address));
  }
  return fd;
}

UniqueFd connectDatagramSocket(const SocketAddress& peer, const UdpOptions& options) {
  const std::string attempt = "can't exchange datagrams with " + peer.toIpPort();
  UniqueFd fd = open(peer, options, attempt);
  if (::connect(fd.get(), peer.sockAddr(), peer.sockAddrLength()) != 0) {
    throwSystemError(errno, attempt);
  }
  return fd;
}

}  // namespace tern
