// UdpSocket when the heap refuses: a datagram that there is no memory for is lost, as the network
// may lose it, and the loop neither stops nor spins.
#include "Heap.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/UdpSocket.h>
#include <tern/poller/Poller.h>

#include <string>
#include <vector>

#include "support/DatagramPeer.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

class UdpOutOfMemory : public ::testing::Test {
 protected:
  // One turn, with the heap refusing all.
  void pollWithoutMemory() {
    const HeapRefusal refusal;
    loop_.poller().runOnce(Duration::zero());
  }

  EventLoop loop_;
  UdpSocket socket_{loop_, SocketAddress(0, true)};
  DatagramPeer peer_;
};

TEST_F(UdpOutOfMemory, WhatWaitsIsDroppedCountedAndNotReportedForEver) {
  std::vector<std::string> got;
  socket_.setDatagramCallback(
      [&](UdpSocket&, const UdpDatagram& datagram) { got.emplace_back(datagram.bytes); });
  for (int i = 0; i < 3; ++i) peer_.sendTo(socket_.address(), "lost");
  pollWithoutMemory();
  EXPECT_EQ(socket_.stats().dropped, 3U);
  peer_.sendTo(socket_.address(), "kept");
  runUntil(loop_, [&] { return !got.empty(); });
  EXPECT_EQ(got, std::vector<std::string>{"kept"});
}

TEST_F(UdpOutOfMemory, SendThrowsAndQueuesNothingOrAll) {
  const std::string bytes(1000, 'x');
  const SocketAddress to = peer_.address();
  for (std::size_t spared = 0;; ++spared) {
    if (!failsForMemory([&] { socket_.send(bytes, to); }, spared)) break;
    EXPECT_EQ(socket_.queued(), 0U);
  }
  EXPECT_EQ(socket_.queued(), 1U);
  runUntil(loop_, [&] { return socket_.stats().sent == 1; });
  EXPECT_EQ(peer_.receive().bytes, bytes);
}

TEST_F(UdpOutOfMemory, ASocketAtRestHoldsNoBuffer) {
  socket_.setDatagramCallback(
      [](UdpSocket& socket, const UdpDatagram& datagram) { socket.send("", datagram.peer); });
  peer_.sendTo(socket_.address(), "to warm up");
  runUntil(loop_, [&] { return socket_.stats().sent == 1; });
  const HeapWatch watch;
  peer_.sendTo(socket_.address(), "a");
  while (socket_.stats().sent < 2) loop_.poller().runOnce(Duration::zero());
  EXPECT_GT(watch.allocations(), 0U);
  EXPECT_LE(watch.blocks(), 0);
}

}  // namespace
}  // namespace tern::testing

#endif
