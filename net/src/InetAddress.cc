// InetAddress: text to sockaddr and back.
#include "tern/net/InetAddress.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>
#include <functional>
#include <stdexcept>

namespace tern {
namespace {

std::optional<std::uint16_t> parsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return port;
}

// "fe80::1%eth0": an interface's name or its number.
std::uint32_t parseScope(const std::string& scope) {
  if (const unsigned index = ::if_nametoindex(scope.c_str()); index != 0) return index;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (error != std::errc{} || end != scope.data() + scope.size() || number == 0) {
    throw std::invalid_argument("'" + scope + "' is no network interface of this machine");
  }
  return number;
}

template <class Query>
std::optional<InetAddress> addressFrom(Query query, int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (query(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v4, &storage, sizeof v4);
    return InetAddress(v4);
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied over
    std::memcpy(&v6, &storage, sizeof v6);
    return InetAddress(v6);
  }
  return std::nullopt;
}

}  // namespace

InetAddress::InetAddress(std::uint16_t port, bool loopbackOnly, bool ipv6) : v6_{} {
  if (ipv6) {
    v6_.sin6_family = AF_INET6;
    v6_.sin6_port = htons(port);
    v6_.sin6_addr = loopbackOnly ? in6addr_loopback : in6addr_any;
  } else {
    v4_.sin_family = AF_INET;
    v4_.sin_port = htons(port);
    v4_.sin_addr.s_addr = htonl(loopbackOnly ? INADDR_LOOPBACK : INADDR_ANY);
  }
}

InetAddress::InetAddress(std::string_view ip, std::uint16_t port) : v6_{} {
  if (ip.find('\0') != std::string_view::npos) {
    throw std::invalid_argument("an address with a NUL byte in it");
  }
  const std::string text(ip.substr(0, ip.find('%')));
  if (::inet_pton(AF_INET, text.c_str(), &v4_.sin_addr) == 1 && text.size() == ip.size()) {
    v4_.sin_family = AF_INET;
    v4_.sin_port = htons(port);
    return;
  }
  v6_ = {};
  if (::inet_pton(AF_INET6, text.c_str(), &v6_.sin6_addr) != 1) {
    throw std::invalid_argument("'" + std::string(ip) + "' is not a numeric IPv4 or IPv6 address");
  }
  v6_.sin6_family = AF_INET6;
  v6_.sin6_port = htons(port);
  if (text.size() < ip.size()) {
    v6_.sin6_scope_id = parseScope(std::string(ip.substr(text.size() + 1)));
  }
}

InetAddress InetAddress::parse(std::string_view hostPort) {
  const auto refuse = [&](std::string_view why) {
    return std::invalid_argument("'" + std::string(hostPort) +
                                 "' is not an address: " + std::string(why));
  };
  const std::size_t colon = hostPort.rfind(':');
  if (colon == std::string_view::npos) throw refuse("want host:port, such as 127.0.0.1:8080");
  std::string_view host = hostPort.substr(0, colon);
  const auto port = parsePort(hostPort.substr(colon + 1));
  if (!port) throw refuse("the port must be a number from 0 to 65535");
  if (host.empty() || host == "*") return InetAddress(*port);
  if (host == "localhost") return InetAddress(*port, true);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) {
    throw refuse("an IPv6 address needs brackets, as in [::1]:8080");
  }
  try {
    return {host, *port};
  } catch (const std::invalid_argument& error) {
    throw refuse(error.what());
  }
}

std::optional<InetAddress> InetAddress::localOf(int fd) { return addressFrom(::getsockname, fd); }
std::optional<InetAddress> InetAddress::peerOf(int fd) { return addressFrom(::getpeername, fd); }

std::string InetAddress::toIp() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = isIpv6() ? static_cast<const void*>(&v6_.sin6_addr) : &v4_.sin_addr;
  ::inet_ntop(family(), address, text.data(), text.size());
  std::string ip(text.data());
  if (isIpv6() && v6_.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> name{};
    const char* known = ::if_indextoname(v6_.sin6_scope_id, name.data());
    ip += '%' + (known != nullptr ? std::string(known) : std::to_string(v6_.sin6_scope_id));
  }
  return ip;
}

std::string InetAddress::toIpPort() const {
  const std::string ip = toIp();
  return (isIpv6() ? '[' + ip + ']' : ip) + ':' + std::to_string(port());
}

// Both families keep the port in the same place.
std::uint16_t InetAddress::port() const noexcept { return ntohs(v4_.sin_port); }

socklen_t InetAddress::sockAddrLength() const noexcept {
  return isIpv6() ? sizeof v6_ : sizeof v4_;
}

std::size_t InetAddress::hashOfHost() const noexcept {
  const auto* bytes = reinterpret_cast<const char*>(
      isIpv6() ? static_cast<const void*>(&v6_.sin6_addr) : &v4_.sin_addr);
  return std::hash<std::string_view>{}(
      {bytes, isIpv6() ? sizeof v6_.sin6_addr : sizeof v4_.sin_addr});
}

bool operator==(const InetAddress& a, const InetAddress& b) noexcept {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (!a.isIpv6()) return a.v4_.sin_addr.s_addr == b.v4_.sin_addr.s_addr;
  return std::memcmp(&a.v6_.sin6_addr, &b.v6_.sin6_addr, sizeof a.v6_.sin6_addr) == 0 &&
         a.v6_.sin6_scope_id == b.v6_.sin6_scope_id;
}

}  // namespace tern
