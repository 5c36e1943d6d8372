// UdpReceive: datagrams arrive whole, in order, in batches, and in fair turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/Peers.h"
#include "support/UdpFixture.h"

namespace tern::testing {
namespace {

using ::testing::ElementsAre;

// What fits into an IPv4 packet.
constexpr std::size_t kLongestOverIpv4 = 65'507;
// The kernel doubles it, and counts 768 bytes for a small datagram.
constexpr int kRoomForMany = 200'000;

class UdpReceive : public UdpFixture {
 protected:
  void sendNumbers(int count) {
    for (const std::string& each : numbers(count)) peer_.sendTo(socket_->address(), each);
  }
};

TEST_P(UdpReceive, ADatagramComesWithItsSenderAndTheTime) {
  open();
  EXPECT_EQ(socket_->address().toIp(), "127.0.0.1");
  EXPECT_NE(socket_->address().port(), 0);
  bool called = false;
  const Timestamp before = Clock::now();
  socket_->setDatagramCallback([&](UdpSocket& socket, const UdpDatagram& datagram) {
    EXPECT_EQ(&socket, socket_.get());
    EXPECT_EQ(datagram.bytes, "hello");
    EXPECT_EQ(datagram.peer, peer_.address());
    EXPECT_GE(datagram.receiveTime, before);
    EXPECT_LE(datagram.receiveTime, Clock::now());
    EXPECT_FALSE(datagram.truncated);
    called = true;
  });
  peer_.sendTo(socket_->address(), "hello");
  runUntil(loop_, [&] { return called; });
  EXPECT_EQ(socket_->stats().received, 1U);
}

TEST_P(UdpReceive, WhatWaitsArrivesInOrderByFewReceives) {
  constexpr int kCount = 400;
  open({.receiveBuffer = kRoomForMany});
  sendNumbers(kCount);
  ASSERT_EQ(socket_->missed(), 0U);
  runUntilGot(kCount);
  EXPECT_EQ(got_, numbers(kCount));
  EXPECT_EQ(socket_->stats().received, static_cast<std::uint64_t>(kCount));
  // 32 at a time.
  EXPECT_LE(loop_.poller().stats().receives, 14U);
}

TEST_P(UdpReceive, OfAFloodLeavesOthersTheirTurn) {
  constexpr int kCount = 400;
  open({.receiveBuffer = kRoomForMany});
  UdpSocket other(loop_, SocketAddress(0, true), {.receiveBuffer = kRoomForMany});
  std::size_t gotOther = 0;
  std::size_t differs = 0;  // by how much one was ahead of the other, at most
  const auto compare = [&] {
    const std::size_t ahead =
        got_.size() > gotOther ? got_.size() - gotOther : gotOther - got_.size();
    differs = std::max(differs, ahead);
  };
  other.setDatagramCallback([&](UdpSocket&, const UdpDatagram&) {
    ++gotOther;
    compare();
  });
  socket_->setDatagramCallback([&](UdpSocket&, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    compare();
  });
  sendNumbers(kCount);
  for (int i = 0; i < kCount; ++i) peer_.sendTo(other.address(), "x");
  runUntil(loop_, [&] { return got_.size() == kCount && gotOther == kCount; });
  EXPECT_LE(differs, 2 * 128U);
}

TEST_P(UdpReceive, LongerDatagramsThanTheReceiveSizeAreTruncatedAndSaySo) {
  open({.receiveSize = 100});
  std::vector<bool> truncated;
  socket_->setDatagramCallback([&](UdpSocket&, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    truncated.push_back(datagram.truncated);
  });
  const std::string longest = patternOf(kLongestOverIpv4);
  for (const std::size_t length :
       {std::size_t{99}, std::size_t{100}, std::size_t{101}, kLongestOverIpv4, std::size_t{1}}) {
    peer_.sendTo(socket_->address(), std::string_view(longest).substr(0, length));
  }
  runUntilGot(5);
  EXPECT_THAT(truncated, ElementsAre(false, false, true, true, false));
  EXPECT_THAT(got_,
              ElementsAre(longest.substr(0, 99), longest.substr(0, 100), longest.substr(0, 100),
                          longest.substr(0, 100), longest.substr(0, 1)));
  EXPECT_EQ(socket_->stats().truncated, 2U);
}

TEST_P(UdpReceive, TheLongestDatagramsArriveWholeByDefault) {
  open();
  const std::string one = patternOf(kLongestOverIpv4, 1);
  const std::string two = patternOf(kLongestOverIpv4, 2);
  peer_.sendTo(socket_->address(), one);
  peer_.sendTo(socket_->address(), two);
  runUntilGot(2);
  expectSameBytes(got_[0], one);
  expectSameBytes(got_[1], two);
  EXPECT_EQ(socket_->stats().truncated, 0U);
}

TEST_P(UdpReceive, EmptyDatagramsArrive) {
  open();
  for (const char* each : {"", "x", ""}) peer_.sendTo(socket_->address(), each);
  runUntilGot(3);
  EXPECT_THAT(got_, ElementsAre("", "x", ""));
}

TEST_P(UdpReceive, WithoutACallbackDiscardsAndRests) {
  open();
  socket_->setDatagramCallback({});
  sendNumbers(100);
  runUntil(loop_, [&] { return socket_->stats().received == 100; });
  EXPECT_LT(waitsAtRest(), 20U);
}

TEST_P(UdpReceive, StoppedInACallbackKeepsTheRestOfTheBatch) {
  open();
  socket_->setDatagramCallback([&](UdpSocket& socket, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    if (got_.size() % 10 == 0) socket.stopRead();
  });
  sendNumbers(45);
  for (std::size_t stops = 1; stops <= 4; ++stops) {
    runUntilGot(10 * stops);
    EXPECT_LT(waitsAtRest(), 20U);
    EXPECT_EQ(got_.size(), 10 * stops);
    EXPECT_FALSE(socket_->isReading());
    socket_->startRead();
  }
  runUntilGot(45);
  EXPECT_EQ(got_, numbers(45));
}

TEST_P(UdpReceive, StoppedAndStartedInACallbackLosesNothing) {
  open();
  socket_->setDatagramCallback([&](UdpSocket& socket, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    socket.stopRead();
    socket.startRead();
  });
  sendNumbers(100);
  runUntilGot(100);
  EXPECT_EQ(got_, numbers(100));
}

TEST_P(UdpReceive, ACallbackReplacedInItselfIsTheLastOfItsKind) {
  open();
  std::string kept = "a capture that must outlive the call";
  socket_->setDatagramCallback([this, kept](UdpSocket& socket, const UdpDatagram&) {
    collect();
    got_.push_back(kept);
    EXPECT_EQ(&socket, socket_.get());
  });
  sendNumbers(3);
  runUntilGot(3);
  EXPECT_THAT(got_, ElementsAre(kept, "1", "2"));
}

TEST_P(UdpReceive, WhatTheReceiveBufferCannotHoldIsCounted) {
  constexpr int kCount = 300;
  open({.receiveBuffer = 10'000});
  sendNumbers(kCount);
  const std::uint32_t missed = socket_->missed();
  EXPECT_GT(missed, 0U);
  ASSERT_LT(missed, static_cast<std::uint32_t>(kCount));
  runUntilGot(kCount - missed);
  // Those that came first.
  EXPECT_EQ(got_, numbers(static_cast<int>(kCount - missed)));
}

TEST_P(UdpReceive, AReceiveSizeOutOfRangeIsRefused) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{65'536}}) {
    EXPECT_THROW(UdpSocket(loop_, SocketAddress(0, true), {.receiveSize = size}),
                 std::invalid_argument);
  }
  const UdpSocket smallest(loop_, SocketAddress(0, true), {.receiveSize = 1});
}

TERN_ON_EACH_POLLER(UdpReceive);

}  // namespace
}  // namespace tern::testing
