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

socklen_t CompactAddress::writeTo(sockaddr_in6& place) const noexcept {
  if (scope_ == kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = port_;
    std::memcpy(&v4.sin_addr, host_.data(), sizeof v4.sin_addr);
    std::memcpy(&place, &v4, sizeof v4);
    return sizeof v4;
  }
  place = {};
  place.sin6_family = AF_INET6;
  place.sin6_port = port_;
  std::memcpy(&place.sin6_addr, host_.data(), sizeof place.sin6_addr);
  place.sin6_scope_id = std::bit_cast<std::uint32_t>(scope_);
  return sizeof place;
}

SocketAddress CompactAddress::expand() const {
  if (isUnix()) return SocketAddress::unixAbstract("");
  sockaddr_in6 v6;  // NOLINT(cppcoreguidelines-pro-type-member-init): written to
  if (writeTo(v6) == sizeof v6) return SocketAddress(v6);
  sockaddr_in v4;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
  std::memcpy(&v4, &v6, sizeof v4);
  return SocketAddress(v4);
}

}  // namespace tern
