// DatagramPeer: the other end of a UDP socket, on a plain blocking one, independent of tern.
#pragma once

#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>

#include <string>
#include <string_view>

namespace tern::testing {

/// Whether the machine has an IPv6 loopback address.
bool machineHasIpv6();

/// A blocking UDP socket, bound to a loopback address. What would wait for ever throws
/// std::runtime_error instead.
class DatagramPeer {
 public:
  explicit DatagramPeer(const SocketAddress& address = SocketAddress(0, true));

  void sendTo(const SocketAddress& to, std::string_view bytes) const;

  struct Received {
    std::string bytes;
    SocketAddress from;
  };
  /// The next datagram, whole.
  [[nodiscard]] Received receive() const;
  /// Whether none waits.
  [[nodiscard]] bool quiet() const;

  [[nodiscard]] SocketAddress address() const;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace tern::testing
