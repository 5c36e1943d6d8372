// UdpFixture: collecting, and looking for a loop that spins.
#include "support/UdpFixture.h"

#include <chrono>

namespace tern::testing {

void UdpFixture::collect() {
  socket_->setDatagramCallback(
      [this](UdpSocket&, const UdpDatagram& datagram) { got_.emplace_back(datagram.bytes); });
  socket_->setErrorCallback(
      [this](UdpSocket&, const UdpError& error) { errors_.push_back(error); });
}

std::vector<std::string> UdpFixture::numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}

std::uint64_t UdpFixture::waitsAtRest() {
  runTurns(loop_, 5);
  const std::uint64_t before = loop_.poller().stats().waits;
  loop_.runAfter(std::chrono::milliseconds(50), [this] { loop_.quit(); });
  run(loop_);
  return loop_.poller().stats().waits - before;
}

}  // namespace tern::testing
