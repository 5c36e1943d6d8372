// UdpQueue: datagrams that wait to be sent, in order.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "tern/base/Buffer.h"
#include "tern/net/CompactAddress.h"
#include "tern/net/SocketAddress.h"

namespace tern {

/// Their bytes lie one behind the other in one Buffer.
class UdpQueue {
 public:
  /// What a datagram counts beyond its bytes, so that empty ones are bounded too.
  static constexpr std::size_t kOverhead = 64;

  UdpQueue() { entries_.reserve(kReserved); }

  /// Copies the bytes. No peer: the socket's own.
  void push(std::string_view bytes, const SocketAddress* peer);

  [[nodiscard]] bool empty() const noexcept { return first_ == entries_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - first_; }
  /// The bytes and the overhead of all.
  [[nodiscard]] std::size_t cost() const noexcept {
    return bytes_.readableBytes() + (size() * kOverhead);
  }

  /// Offers the kernel the oldest, many at once, without waiting. Returns how many it took, which
  /// are removed, or -1 and errno, which concerns the first.
  int transmit(int fd) noexcept;

  /// Whom the first is for, if it is not the socket's own peer.
  [[nodiscard]] std::optional<SocketAddress> frontPeer() const;
  /// Removes so many.
  void pop(std::size_t count) noexcept;

 private:
  // The answers to a batch.
  static constexpr std::size_t kReserved = 32;

  struct Entry {
    CompactAddress peer;
    bool toPeer;  // else to the socket's own
    std::size_t length;
  };
  static_assert(sizeof(Entry) <= kOverhead / 2);  // the table grows by doubling

  Buffer bytes_;
  std::vector<Entry> entries_;
  std::size_t first_ = 0;
};

}  // namespace tern
