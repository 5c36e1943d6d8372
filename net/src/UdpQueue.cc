// UdpQueue: sendmmsg.
#include "UdpQueue.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace tern {
namespace {

// How many leave in one call: the tables for it lie on the stack.
constexpr std::size_t kGather = 64;

}  // namespace

void UdpQueue::push(std::string_view bytes, const SocketAddress* peer) {
  // Those that left are forgotten before the table grows: it is bounded by what waits.
  if (entries_.size() == entries_.capacity() && first_ >= entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  // Room first: a datagram is queued whole or not at all.
  bytes_.ensureWritableBytes(bytes.size());
  entries_.push_back(
      {peer != nullptr ? CompactAddress(*peer) : CompactAddress(), peer != nullptr, bytes.size()});
  bytes_.append(bytes);
}

int UdpQueue::transmit(int fd) noexcept {
  // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): filled as far as they are used
  std::array<mmsghdr, kGather> headers;
  std::array<iovec, kGather> pieces;
  std::array<sockaddr_in6, kGather> peers;
  // NOLINTEND(cppcoreguidelines-pro-type-member-init)
  const std::size_t count = std::min(size(), kGather);
  // The kernel only reads what these point to.
  char* place = const_cast<char*>(bytes_.peek());
  for (std::size_t i = 0; i < count; ++i) {
    const Entry& entry = entries_[first_ + i];
    pieces[i] = {place, entry.length};
    place += entry.length;
    headers[i] = {};
    headers[i].msg_hdr.msg_iov = &pieces[i];
    headers[i].msg_hdr.msg_iovlen = 1;
    if (!entry.toPeer) continue;
    headers[i].msg_hdr.msg_name = &peers[i];
    headers[i].msg_hdr.msg_namelen = entry.peer.writeTo(peers[i]);
  }
  const int n =
      ::sendmmsg(fd, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) pop(static_cast<std::size_t>(n));
  return n;
}

std::optional<SocketAddress> UdpQueue::frontPeer() const {
  const Entry& front = entries_[first_];
  return front.toPeer ? std::optional(front.peer.expand()) : std::nullopt;
}

void UdpQueue::pop(std::size_t count) noexcept {
  std::size_t bytes = 0;
  for (; count > 0; --count) bytes += entries_[first_++].length;
  bytes_.retrieve(bytes);
}

}  // namespace tern
