// PeerCounts: hosts as keys.
#include "PeerCounts.h"

#include <netinet/in.h>

#include <cstring>

#include "tern/net/SocketAddress.h"

namespace tern {
namespace {

// An IPv4 address stands behind four zeros, with which no IPv6 network in use begins.
PeerCounts::Host hostOf(const SocketAddress& address) {
  PeerCounts::Host host{};
  const SocketAddress plain = address.unmapped();
  if (plain.isIpv6()) {
    sockaddr_in6 v6;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v6, plain.sockAddr(), sizeof v6);
    const bool linkLocal = IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) != 0;
    std::memcpy(host.data(), &v6.sin6_addr, linkLocal ? host.size() : host.size() / 2);
  } else {
    sockaddr_in v4;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v4, plain.sockAddr(), sizeof v4);
    std::memcpy(host.data() + 4, &v4.sin_addr, sizeof v4.sin_addr);
  }
  return host;
}

}  // namespace

std::optional<PeerCounts::Place> PeerCounts::admit(int fd) {
  const std::optional<SocketAddress> peer = SocketAddress::peerOf(fd);
  // A connection that is dead already has no address either, and not much of a life before it.
  if (!peer || peer->isUnix()) return Place(nullptr, {});
  const Host host = hostOf(*peer);
  const std::lock_guard lock(mutex_);
  std::size_t& count = counts_[host];
  if (count >= most_) {
    if (count == 0) counts_.erase(host);
    return std::nullopt;
  }
  ++count;
  return Place(shared_from_this(), host);
}

void PeerCounts::leave(const Host& host) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(host);
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace tern
