// Parsing and comparing of addresses.
#include "Endpoint.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace tern::load {
namespace {

std::optional<std::uint16_t> parsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

const sockaddr_in& asIPv4(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in&>(address);
}

const sockaddr_in6& asIPv6(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in6&>(address);
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text) {
  const auto fail = [text](const char* why) {
    throw std::invalid_argument("\"" + std::string(text) + "\" " + why);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) fail("is not an address of the form HOST:PORT");
  const auto port = parsePort(text.substr(colon + 1));
  if (!port) fail("does not end in a port from 1 to 65535");

  Endpoint endpoint;
  endpoint.text_ = text;
  std::string host(text.substr(0, colon));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    auto& address = reinterpret_cast<sockaddr_in6&>(endpoint.address_);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(*port);
    endpoint.length_ = sizeof address;
    if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) {
      fail("has no IPv6 address between its brackets");
    }
    return endpoint;
  }
  if (host == "localhost") host = "127.0.0.1";
  auto& address = reinterpret_cast<sockaddr_in&>(endpoint.address_);
  address.sin_family = AF_INET;
  address.sin_port = htons(*port);
  endpoint.length_ = sizeof address;
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    fail("has no numeric address before its port: write 127.0.0.1:PORT or [::1]:PORT");
  }
  return endpoint;
}

bool Endpoint::isLoopback() const {
  if (family() == AF_INET) return ntohl(asIPv4(address_).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  const in6_addr& address = asIPv6(address_).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET);
}

bool Endpoint::isLocalAddressOf(int fd) const {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) return false;
  if (local.ss_family != address_.ss_family) return false;
  if (family() == AF_INET) {
    return asIPv4(local).sin_port == asIPv4(address_).sin_port &&
           asIPv4(local).sin_addr.s_addr == asIPv4(address_).sin_addr.s_addr;
  }
  return asIPv6(local).sin6_port == asIPv6(address_).sin6_port &&
         std::memcmp(&asIPv6(local).sin6_addr, &asIPv6(address_).sin6_addr, sizeof(in6_addr)) == 0;
}

}  // namespace tern::load
