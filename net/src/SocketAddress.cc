// SocketAddress: text to sockaddr and back.
#include "tern/net/SocketAddress.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <functional>
#include <stdexcept>

namespace tern {
namespace {

// For messages, which a NUL byte would end and a control character could garble.
std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7F) {
      result += c;
    } else {
      result += "\\x";
      result += kDigits[byte >> 4U];
      result += kDigits[byte & 0xFU];
    }
  }
  return result + '\'';
}

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
    throw std::invalid_argument(quoted(scope) + " is no network interface of this machine");
  }
  return number;
}

template <class Query>
std::optional<SocketAddress> addressFrom(Query query, int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (query(fd, address, &length) != 0) return std::nullopt;
  return SocketAddress::from(address, length);
}

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kLongestUnixName = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

SocketAddress::SocketAddress(std::uint16_t port, bool loopbackOnly, bool ipv6) : v6_{} {
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

SocketAddress::SocketAddress(std::string_view ip, std::uint16_t port) : v6_{} {
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
    throw std::invalid_argument(quoted(ip) + " is not a numeric IPv4 or IPv6 address");
  }
  v6_.sin6_family = AF_INET6;
  v6_.sin6_port = htons(port);
  if (text.size() < ip.size()) {
    v6_.sin6_scope_id = parseScope(std::string(ip.substr(text.size() + 1)));
  }
}

SocketAddress SocketAddress::unixNamed(std::string_view name) {
  if (name.size() > kLongestUnixName) {
    throw std::invalid_argument("a Unix-domain socket can have a name of " +
                                std::to_string(kLongestUnixName) + " bytes at most, not " +
                                std::to_string(name.size()));
  }
  SocketAddress result;
  result.un_ = {};
  result.un_.sun_family = AF_UNIX;
  std::memcpy(result.un_.sun_path, name.data(), name.size());
  result.unixLength_ = static_cast<std::uint8_t>(name.size());
  return result;
}

SocketAddress SocketAddress::unixPath(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    throw std::invalid_argument(
        "the path of a Unix-domain socket is empty or has a NUL byte in it");
  }
  return unixNamed(path);
}

SocketAddress SocketAddress::unixAbstract(std::string_view name) {
  return unixNamed(name.empty() ? std::string() : '\0' + std::string(name));
}

SocketAddress SocketAddress::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return std::invalid_argument(quoted(text) + " is not an address: " + std::string(why));
  };
  try {
    if (!text.starts_with(kUnixPrefix)) return parseIp(text);
    const std::string_view name = text.substr(kUnixPrefix.size());
    return name.starts_with('@') ? unixAbstract(name.substr(1)) : unixPath(name);
  } catch (const std::invalid_argument& error) {
    throw refuse(error.what());
  }
}

SocketAddress SocketAddress::parseIp(std::string_view hostPort) {
  const std::size_t colon = hostPort.rfind(':');
  if (colon == std::string_view::npos) {
    throw std::invalid_argument("want host:port, such as 127.0.0.1:8080, or unix:/path");
  }
  std::string_view host = hostPort.substr(0, colon);
  const auto port = parsePort(hostPort.substr(colon + 1));
  if (!port) throw std::invalid_argument("the port must be a number from 0 to 65535");
  if (host.empty() || host == "*") return SocketAddress(*port);
  if (host == "localhost") return SocketAddress(*port, true);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) {
    throw std::invalid_argument("an IPv6 address needs brackets, as in [::1]:8080");
  }
  return {host, *port};
}

std::optional<SocketAddress> SocketAddress::localOf(int fd) {
  return addressFrom(::getsockname, fd);
}
std::optional<SocketAddress> SocketAddress::peerOf(int fd) {
  return addressFrom(::getpeername, fd);
}

std::optional<SocketAddress> SocketAddress::from(const sockaddr* address, socklen_t length) {
  SocketAddress result;
  const auto copyTo = [&](auto& member) {
    if (length < sizeof member) return false;
    std::memcpy(&member, address, sizeof member);
    return true;
  };
  if (length < sizeof(sa_family_t)) return std::nullopt;
  if (address->sa_family == AF_INET && copyTo(result.v4_)) return result;
  if (address->sa_family == AF_INET6 && copyTo(result.v6_)) return result;
  if (address->sa_family != AF_UNIX) return std::nullopt;
  constexpr std::size_t kFront = offsetof(sockaddr_un, sun_path);
  std::string_view name(reinterpret_cast<const char*>(address) + kFront,
                        length > kFront ? length - kFront : 0);
  // A path may come with the NUL byte that ends it, or more of them; of a name every byte counts.
  if (!name.starts_with('\0')) name = name.substr(0, name.find('\0'));
  if (name.size() > kLongestUnixName) return std::nullopt;
  return unixNamed(name);
}

std::string SocketAddress::toIp() const {
  if (isUnix()) return toString();
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family(), hostBytes().data(), text.data(), text.size());
  std::string ip(text.data());
  if (isIpv6() && v6_.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> name{};
    const char* known = ::if_indextoname(v6_.sin6_scope_id, name.data());
    ip += '%' + (known != nullptr ? std::string(known) : std::to_string(v6_.sin6_scope_id));
  }
  return ip;
}

std::string SocketAddress::toString() const {
  if (isUnix()) {
    std::string name(unixName());
    if (name.starts_with('\0')) name[0] = '@';
    // A peer chooses its name, and logs are read on terminals.
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
    return std::string(kUnixPrefix) + name;
  }
  const std::string ip = toIp();
  return (isIpv6() ? '[' + ip + ']' : ip) + ':' + std::to_string(port());
}

// Both families keep the port in the same place.
std::uint16_t SocketAddress::port() const noexcept { return isUnix() ? 0 : ntohs(v4_.sin_port); }

std::string_view SocketAddress::path() const noexcept {
  return isUnix() && !unixName().starts_with('\0') ? unixName() : std::string_view();
}

SocketAddress SocketAddress::unmapped() const noexcept {
  if (!isIpv6() || !IN6_IS_ADDR_V4MAPPED(&v6_.sin6_addr)) return *this;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = v6_.sin6_port;
  std::memcpy(&v4.sin_addr, &v6_.sin6_addr.s6_addr[12], sizeof v4.sin_addr);
  return SocketAddress(v4);
}

// A path counts with the NUL byte that ends it; an abstract name, and the lack of one, without.
socklen_t SocketAddress::sockAddrLength() const noexcept {
  if (isIpv6()) return sizeof v6_;
  if (!isUnix()) return sizeof v4_;
  const std::size_t end = path().empty() ? 0 : 1;
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + unixLength_ + end);
}

std::string_view SocketAddress::hostBytes() const noexcept {
  if (isUnix()) return unixName();
  if (isIpv6()) return {reinterpret_cast<const char*>(&v6_.sin6_addr), sizeof v6_.sin6_addr};
  return {reinterpret_cast<const char*>(&v4_.sin_addr), sizeof v4_.sin_addr};
}

std::size_t SocketAddress::hashOfHost() const noexcept {
  const SocketAddress plain = unmapped();
  return std::hash<std::string_view>{}(plain.hostBytes());
}

bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
  return a.family() == b.family() && a.port() == b.port() && a.hostBytes() == b.hostBytes() &&
         (!a.isIpv6() || a.v6_.sin6_scope_id == b.v6_.sin6_scope_id);
}

}  // namespace tern
