// UdpBatch: recvmmsg.
#include "UdpBatch.h"

#include <algorithm>
#include <cerrno>

namespace tern {

// The arrays are filled as far as they are used.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
UdpBatch::UdpBatch(std::size_t receiveSize) : receiveSize_(receiveSize) {
  bytes_.ensureWritableBytes(kMost * receiveSize);
}

bool UdpBatch::receive(int fd) noexcept {
  char* place = bytes_.beginWrite();
  for (std::size_t i = 0; i < kMost; ++i, place += receiveSize_) {
    places_[i] = {place, receiveSize_};
    headers_[i] = {};
    headers_[i].msg_hdr.msg_name = &peers_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof peers_[i];
    headers_[i].msg_hdr.msg_iov = &places_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
  int n = 0;
  do {
    n = ::recvmmsg(fd, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
  } while (n < 0 && errno == EINTR);
  count_ = static_cast<std::size_t>(std::max(n, 0));
  return count_ > 0;
}

UdpDatagram UdpBatch::take(Timestamp receiveTime) noexcept {
  const std::size_t i = next_++;
  const mmsghdr& header = headers_[i];
  // Both families' addresses begin with the family.
  const bool ipv6 = peers_[i].v4.sin_family == AF_INET6;
  return {{static_cast<const char*>(places_[i].iov_base), header.msg_len},
          ipv6 ? SocketAddress(peers_[i].v6) : SocketAddress(peers_[i].v4),
          receiveTime,
          (header.msg_hdr.msg_flags & MSG_TRUNC) != 0};
}

}  // namespace tern
