// SocketAddress: an IPv4 or IPv6 address with a port, or the name of a Unix-domain socket.
#pragma once

#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern {

/// A value without heap. Numeric only: resolving names blocks, and is not done here.
class SocketAddress {
 public:
  /// 0.0.0.0 or, with loopbackOnly, 127.0.0.1; with ipv6, :: (a server there serves IPv4 clients,
  /// too) or ::1.
  explicit SocketAddress(std::uint16_t port = 0, bool loopbackOnly = false, bool ipv6 = false);
  /// A numeric address: "192.0.2.1", "2001:db8::1", "fe80::1%eth0". Throws std::invalid_argument
  /// naming what it can't read.
  SocketAddress(std::string_view ip, std::uint16_t port);
  explicit SocketAddress(const sockaddr_in& address) : v4_(address) {}
  explicit SocketAddress(const sockaddr_in6& address) : v6_(address) {}

  /// A Unix-domain socket in the file system. Throws std::invalid_argument for a path that is
  /// empty, too long (108 bytes or more) or has a NUL byte in it.
  static SocketAddress unixPath(std::string_view path);
  /// One in Linux's abstract namespace, which is gone with its last socket. An empty name is that
  /// of a socket without one. Throws std::invalid_argument for more than 107 bytes.
  static SocketAddress unixAbstract(std::string_view name);

  /// "127.0.0.1:80", "[::1]:80", "localhost:80" (127.0.0.1), "*:80" or ":80" (0.0.0.0),
  /// "unix:/run/x.sock", "unix:@abstract". Throws std::invalid_argument with a sentence that names
  /// the text.
  static SocketAddress parse(std::string_view text);

  /// Of a socket's own and of its other end; nothing when the kernel can't tell (closed), or the
  /// socket is of another family.
  static std::optional<SocketAddress> localOf(int fd);
  static std::optional<SocketAddress> peerOf(int fd);
  /// As the kernel writes one; nothing for another family.
  static std::optional<SocketAddress> from(const sockaddr* address, socklen_t length);

  [[nodiscard]] sa_family_t family() const noexcept { return base_.sa_family; }
  [[nodiscard]] bool isIpv6() const noexcept { return family() == AF_INET6; }
  [[nodiscard]] bool isUnix() const noexcept { return family() == AF_UNIX; }
  /// What parse() reads: "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock"; "unix:" without a name.
  /// Control characters in a name become '?'.
  [[nodiscard]] std::string toString() const;
  /// muduo's name for it.
  [[nodiscard]] std::string toIpPort() const { return toString(); }
  /// "127.0.0.1", "::1"; of a Unix-domain socket, toString().
  [[nodiscard]] std::string toIp() const;
  /// 0 for a Unix-domain socket.
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::uint16_t toPort() const noexcept { return port(); }
  /// Of a Unix-domain socket in the file system; else empty. Valid while this is.
  [[nodiscard]] std::string_view path() const noexcept;

  /// An IPv4 client of an IPv6 server has an address like "::ffff:192.0.2.1": this is 192.0.2.1.
  /// Any other is returned as it is.
  [[nodiscard]] SocketAddress unmapped() const noexcept;

  /// For system calls.
  [[nodiscard]] const sockaddr* sockAddr() const noexcept { return &base_; }
  [[nodiscard]] socklen_t sockAddrLength() const noexcept;

  /// Equal for all ports of the same host: for choosing a loop by client.
  [[nodiscard]] std::size_t hashOfHost() const noexcept;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept;

 private:
  /// The name as the kernel takes it: an abstract one begins with a NUL byte.
  static SocketAddress unixNamed(std::string_view name);
  static SocketAddress parseIp(std::string_view hostPort);
  [[nodiscard]] std::string_view unixName() const noexcept { return {un_.sun_path, unixLength_}; }
  [[nodiscard]] std::string_view hostBytes() const noexcept;

  union {
    sockaddr base_;
    sockaddr_in v4_;
    sockaddr_in6 v6_;
    sockaddr_un un_;
  };
  std::uint8_t unixLength_ = 0;  // of sun_path, without the NUL byte that ends a path
};

}  // namespace tern
