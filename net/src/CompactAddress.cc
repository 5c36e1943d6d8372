// CompactAddress: to 22 bytes and back.
#include "tern/net/CompactAddress.h"

#include <bit>
#include <cstring>

namespace tern {

CompactAddress::CompactAddress(const SocketAddress& address) noexcept {
  if (address.isUnix()) {
    scope_ = kUnix;
  } else if (address.isIpv6()) {
    sockaddr_in6 v6;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v6, address.sockAddr(), sizeof v6);
    std::memcpy(host_.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    scope_ = std::bit_cast<Scope>(v6.sin6_scope_id);
    port_ = v6.sin6_port;
  } else {
    sockaddr_in v4;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v4, address.sockAddr(), sizeof v4);
    std::memcpy(host_.data(), &v4.sin_addr, sizeof v4.sin_addr);
    port_ = v4.sin_port;
  }
}

SocketAddress CompactAddress::expand() const {
  if (isUnix()) return SocketAddress::unixAbstract("");
  if (scope_ == kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = port_;
    std::memcpy(&v4.sin_addr, host_.data(), sizeof v4.sin_addr);
    return SocketAddress(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port_;
  std::memcpy(&v6.sin6_addr, host_.data(), sizeof v6.sin6_addr);
  v6.sin6_scope_id = std::bit_cast<std::uint32_t>(scope_);
  return SocketAddress(v6);
}

}  // namespace tern
