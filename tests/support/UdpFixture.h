// UdpFixture: a UdpSocket on a loop on the test's own thread: what peers send before the loop runs
// meets it all at once.
#pragma once

#include <tern/net/UdpSocket.h>
#include <tern/poller/Poller.h>

#include <memory>
#include <string>
#include <vector>

#include "DatagramPeer.h"
#include "EachPoller.h"
#include "LoopRun.h"

namespace tern::testing {

class UdpFixture : public OnEachPoller {
 protected:
  /// A socket on 127.0.0.1, whose datagrams go to got_ and whose errors go to errors_.
  UdpSocket& open(const UdpOptions& options = {}) {
    socket_ = std::make_unique<UdpSocket>(loop_, SocketAddress(0, true), options);
    collect();
    return *socket_;
  }
  /// The same, connected.
  UdpSocket& openTo(const SocketAddress& peer, const UdpOptions& options = {}) {
    socket_ = std::make_unique<UdpSocket>(loop_, UdpPeer{peer}, options);
    collect();
    return *socket_;
  }
  void collect();

  void runUntilGot(std::size_t count) {
    runUntil(loop_, [&] { return got_.size() >= count; });
  }
  void runUntilErrors(std::size_t count) {
    runUntil(loop_, [&] { return errors_.size() >= count; });
  }

  /// An address of 127.0.0.1 where nobody is.
  static SocketAddress nobody() { return DatagramPeer().address(); }
  /// "0", "1", ...
  static std::vector<std::string> numbers(int count);

  /// What the poller asks of the kernel while the loop has nothing to do but a timer: one that
  /// spins shows hundreds of waits.
  std::uint64_t waitsAtRest();

  EventLoop loop_{GetParam().spec};
  DatagramPeer peer_;
  std::vector<std::string> got_;
  std::vector<UdpError> errors_;
  std::unique_ptr<UdpSocket> socket_;
};

}  // namespace tern::testing
