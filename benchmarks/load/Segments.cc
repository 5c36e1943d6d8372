// TCP_INFO, with the kernel's own header: libc's knows none of the fields that came later.
#include "Segments.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace tern::load {
namespace {

constexpr std::size_t kNeeded =
    offsetof(tcp_info, tcpi_data_segs_in) + sizeof(tcp_info::tcpi_data_segs_in);

std::optional<std::uint64_t> segmentsReceived(const Connection& connection) {
  tcp_info info{};
  socklen_t length = sizeof info;
  const bool told = ::getsockopt(connection.fd(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0;
  if (!told || length < kNeeded) return std::nullopt;
  return info.tcpi_data_segs_in;
}

}  // namespace

std::optional<std::uint64_t> segmentsReceived(std::span<const Connection> connections) {
  std::uint64_t sum = 0;
  for (const Connection& connection : connections) {
    const auto segments = segmentsReceived(connection);
    if (!segments) return std::nullopt;
    sum += *segments;
  }
  return sum;
}

}  // namespace tern::load
