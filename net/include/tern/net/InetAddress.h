// InetAddress: an IPv4 or IPv6 address with a port.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern {

/// A value of 28 bytes. Numeric only: resolving names blocks, and is not done here.
class InetAddress {
 public:
  /// 0.0.0.0 or, with loopbackOnly, 127.0.0.1; with ipv6, :: or ::1.
  explicit InetAddress(std::uint16_t port = 0, bool loopbackOnly = false, bool ipv6 = false);
  /// A numeric address: "192.0.2.1", "2001:db8::1", "fe80::1%eth0". Throws std::invalid_argument
  /// naming what it can't read.
  InetAddress(std::string_view ip, std::uint16_t port);
  explicit InetAddress(const sockaddr_in& address) : v4_(address) {}
  explicit InetAddress(const sockaddr_in6& address) : v6_(address) {}

  /// "127.0.0.1:80", "[::1]:80", "localhost:80" (127.0.0.1), "*:80" or ":80" (0.0.0.0). Throws
  /// std::invalid_argument with a sentence that names the text.
  static InetAddress parse(std::string_view hostPort);

  /// Of a socket's own and of its other end; nothing when the kernel can't tell (closed, or not an
  /// IP socket).
  static std::optional<InetAddress> localOf(int fd);
  static std::optional<InetAddress> peerOf(int fd);

  [[nodiscard]] sa_family_t family() const noexcept { return base_.sa_family; }
  [[nodiscard]] bool isIpv6() const noexcept { return family() == AF_INET6; }
  /// "127.0.0.1", "::1"
  [[nodiscard]] std::string toIp() const;
  /// "127.0.0.1:80", "[::1]:80"
  [[nodiscard]] std::string toIpPort() const;
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::uint16_t toPort() const noexcept { return port(); }

  /// For system calls.
  [[nodiscard]] const sockaddr* sockAddr() const noexcept { return &base_; }
  [[nodiscard]] socklen_t sockAddrLength() const noexcept;

  /// Equal for all ports of the same host: for choosing a loop by client.
  [[nodiscard]] std::size_t hashOfHost() const noexcept;

  friend bool operator==(const InetAddress& a, const InetAddress& b) noexcept;

 private:
  union {
    sockaddr base_;
    sockaddr_in v4_;
    sockaddr_in6 v6_;
  };
};

}  // namespace tern
