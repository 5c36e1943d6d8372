// Peers: the other end of a connection, on plain blocking sockets, independent of tern's loops.
#pragma once

#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace tern::testing {

/// A blocking client of a TCP or Unix-domain server. Everything that would wait for ever throws
/// std::runtime_error instead, and fails the test. One thread may send while another receives.
class Peer {
 public:
  /// Connects. A receive buffer given here stays that small: a server that sends much more finds
  /// the way full.
  explicit Peer(const SocketAddress& server, int receiveBuffer = 0);
  /// On a socket that is connected.
  explicit Peer(UniqueFd connected);

  void sendAll(std::string_view bytes);
  /// As much as the kernel takes without waiting, or -1 and errno.
  long sendNow(std::string_view bytes);
  /// These bytes over and over, until the other end has taken no more for half a second, or `most`
  /// were sent; how many it was.
  std::size_t sendUntilFull(std::string_view bytes, std::size_t most);

  /// One recv(): what is there, up to `most` bytes; empty at end of file.
  std::string receiveSome(std::size_t most = std::size_t{1} << 20U);
  /// Exactly that many; throws when the connection ends before.
  std::string receiveExactly(std::size_t length);
  /// All until the end of file; throws when the connection is reset instead.
  std::string receiveUntilEof();

  /// How the connection ended for this side, and what came before.
  struct End {
    std::string bytes;
    std::error_code error;  ///< empty: end of file
  };
  End receiveUntilEnd();

  /// Sends FIN; receiving goes on.
  void shutdownWrite();
  /// Ends with RST: what is unsent is dropped, the server sees ECONNRESET.
  void reset();
  /// Ends with FIN, or with RST if there are unread bytes, as the kernel does.
  void close() { fd_.reset(); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] SocketAddress localAddress() const;

 private:
  UniqueFd fd_;
};

/// A blocking server: what a client connects to. It is bound from the beginning.
class PeerListener {
 public:
  explicit PeerListener(const SocketAddress& address = SocketAddress(0, true));

  /// Until this is called, clients are refused.
  void listen(int backlog = 16);
  /// The next client, waited for; throws when none comes.
  Peer accept();
  /// Whether a client waits to be accepted.
  [[nodiscard]] bool hasClient() const;
  void close() { fd_.reset(); }

  [[nodiscard]] const SocketAddress& address() const { return address_; }

 private:
  UniqueFd fd_;
  SocketAddress address_;
};

/// `length` bytes that repeat late and show where they belong; the same for the same seed.
std::string patternOf(std::size_t length, unsigned seed = 1);

/// Fails the test when the texts differ, and tells where, without printing megabytes.
void expectSameBytes(std::string_view actual, std::string_view expected);

}  // namespace tern::testing
