// UdpBatch: the datagrams of one recvmmsg(), and the memory they arrive in.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>

#include "tern/base/Buffer.h"
#include "tern/net/UdpSocket.h"

namespace tern {

/// Made for one receive, and gone when its datagrams are delivered: the bytes lie in a Buffer,
/// whose large blocks the thread keeps for the next.
class UdpBatch {
 public:
  static constexpr std::size_t kMost = 32;

  /// For datagrams of up to that many bytes.
  explicit UdpBatch(std::size_t receiveSize);
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;
  ~UdpBatch() = default;

  /// Receives what is there, without waiting. False and errno when that is nothing.
  bool receive(int fd) noexcept;
  /// As many as there may be: more may wait in the socket.
  [[nodiscard]] bool full() const noexcept { return count_ == kMost; }

  [[nodiscard]] bool empty() const noexcept { return next_ == count_; }
  /// The oldest that was not taken. Its bytes stay where they are.
  UdpDatagram take(Timestamp receiveTime) noexcept;

 private:
  union Address {
    sockaddr_in v4;
    sockaddr_in6 v6;
  };

  const std::size_t receiveSize_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  Buffer bytes_;
  std::array<mmsghdr, kMost> headers_;
  std::array<iovec, kMost> places_;
  std::array<Address, kMost> peers_;
};

}  // namespace tern
