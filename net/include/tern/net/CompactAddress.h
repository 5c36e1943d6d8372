// CompactAddress: where a connection keeps its peer's address.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "tern/net/SocketAddress.h"

namespace tern {

/// A SocketAddress in 22 bytes, as a server has many of them: without the name of a Unix-domain
/// socket, which peers seldom have, and without IPv6 flow information.
class CompactAddress {
 public:
  CompactAddress() noexcept = default;
  explicit CompactAddress(const SocketAddress& address) noexcept;

  [[nodiscard]] SocketAddress expand() const;
  /// Puts it where a system call looks for it, and returns its length. Not of a Unix-domain socket.
  socklen_t writeTo(sockaddr_in6& place) const noexcept;
  [[nodiscard]] bool isUnix() const noexcept { return scope_ == kUnix; }

 private:
  // In halves, for the sake of alignment.
  using Scope = std::array<std::uint16_t, 2>;
  // No interface has these numbers.
  static constexpr Scope kIpv4{0xFFFF, 0xFFFF};
  static constexpr Scope kUnix{0xFFFE, 0xFFFF};

  std::array<std::uint8_t, 16> host_{};
  Scope scope_ = kIpv4;
  std::uint16_t port_ = 0;  // in network byte order
};

static_assert(sizeof(CompactAddress) == 22);

}  // namespace tern
