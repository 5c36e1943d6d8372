// UdpSend: what is sent leaves in few kernel sends, and what can't leave waits in a bounded queue
// or is dropped by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "support/Peers.h"
#include "support/UdpFixture.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Longer than IPv4 can carry, by what only the kernel knows.
const std::string kTooLong(65'520, 'x');

class UdpSend : public UdpFixture {
 protected:
  [[nodiscard]] std::uint64_t sends() { return loop_.poller().stats().sends; }

  std::error_code send(std::string_view bytes) { return socket_->send(bytes, peer_.address()); }
  void sendNumbers(int count) {
    for (const std::string& each : numbers(count)) EXPECT_EQ(send(each), std::error_code());
  }
  void expectArrive(const std::vector<std::string>& all) {
    for (const std::string& each : all) EXPECT_EQ(peer_.receive().bytes, each);
    EXPECT_TRUE(peer_.quiet());
  }
  void runUntilSent(std::uint64_t count) {
    runUntil(loop_, [&] { return socket_->stats().sent == count; });
  }
};

TEST_P(UdpSend, TheAnswersToABatchLeaveInOneSend) {
  open();
  socket_->setDatagramCallback([](UdpSocket& socket, const UdpDatagram& datagram) {
    EXPECT_EQ(socket.send(datagram.bytes, datagram.peer), std::error_code());
  });
  for (const std::string& each : numbers(20)) peer_.sendTo(socket_->address(), each);
  runUntilSent(20);
  EXPECT_EQ(sends(), 1U);
  expectArrive(numbers(20));
}

TEST_P(UdpSend, WhatIsSentOutsideOfCallbacksLeavesAtTheEndOfTheTurn) {
  open();
  sendNumbers(10);
  EXPECT_EQ(socket_->queued(), 10U);
  EXPECT_TRUE(peer_.quiet());
  runTurns(loop_, 1);
  EXPECT_EQ(sends(), 1U);
  EXPECT_EQ(socket_->stats().sent, 10U);
  EXPECT_EQ(socket_->queued(), 0U);
  const DatagramPeer::Received first = peer_.receive();
  EXPECT_EQ(first.bytes, "0");
  EXPECT_EQ(first.from, socket_->address());
}

TEST_P(UdpSend, EachGoesToItsOwnPeer) {
  open();
  const DatagramPeer other;
  for (const std::string& each : numbers(10)) {
    socket_->send("one " + each, peer_.address());
    socket_->send("other " + each, other.address());
  }
  runTurns(loop_, 1);
  for (const std::string& each : numbers(10)) {
    EXPECT_EQ(peer_.receive().bytes, "one " + each);
    EXPECT_EQ(other.receive().bytes, "other " + each);
  }
  EXPECT_EQ(sends(), 1U);
}

TEST_P(UdpSend, ManyLeaveInOrderBySeveralSends) {
  open();
  sendNumbers(200);
  runUntilSent(200);
  EXPECT_EQ(sends(), 4U);
  expectArrive(numbers(200));
}

TEST_P(UdpSend, EmptyAndLongestDatagramsLeave) {
  open();
  const std::string longest = patternOf(65'507);
  EXPECT_EQ(send(""), std::error_code());
  EXPECT_EQ(send(longest), std::error_code());
  EXPECT_EQ(send(""), std::error_code());
  runUntilSent(3);
  EXPECT_EQ(peer_.receive().bytes, "");
  expectSameBytes(peer_.receive().bytes, longest);
  EXPECT_EQ(peer_.receive().bytes, "");
}

TEST_P(UdpSend, AQueueThatIsFullLeavesEarlierAndLosesNothing) {
  open({.queueLimit = 1000});
  sendNumbers(100);
  EXPECT_GT(socket_->stats().sent, 0U);
  EXPECT_LE(socket_->queued(), 1000U / 64);
  runUntilSent(100);
  EXPECT_EQ(socket_->stats().dropped, 0U);
  expectArrive(numbers(100));
}

TEST_P(UdpSend, AQueueThatIsFullOfEmptyDatagramsIsFull) {
  open({.queueLimit = 1000});
  const Faults faults(only(Call::kSendmmsg, [](const Asked&) { return Answer{EAGAIN}; }));
  int queued = 0;
  while (queued < 1000 && !send("")) ++queued;
  EXPECT_EQ(queued, 1000 / 64);
}

TEST_P(UdpSend, ASocketWithoutRoomIsWaitedFor) {
  open();
  int refusals = 5;
  {
    const Faults faults(
        only(Call::kSendmmsg, [&](const Asked&) { return Answer{refusals-- > 0 ? EAGAIN : 0}; }));
    sendNumbers(10);
    runTurns(loop_, 1);
    EXPECT_EQ(socket_->queued(), 10U);
    EXPECT_TRUE(peer_.quiet());
    runUntilSent(10);
  }
  EXPECT_LE(refusals, 0);
  expectArrive(numbers(10));
  EXPECT_TRUE(errors_.empty());
  // It is not waited for any more.
  EXPECT_LT(waitsAtRest(), 20U);
}

TEST_P(UdpSend, ASocketWithoutRoomDropsWhatTheQueueCannotHold) {
  open({.queueLimit = 10 * 65});
  {
    const Faults faults(only(Call::kSendmmsg, [](const Asked&) { return Answer{EAGAIN}; }));
    sendNumbers(10);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(send("late"), std::errc::no_buffer_space);
    EXPECT_EQ(socket_->stats().dropped, 5U);
    runTurns(loop_, 3);
    EXPECT_EQ(send("late"), std::errc::no_buffer_space);
    EXPECT_EQ(socket_->queued(), 10U);
  }
  runUntilSent(10);
  expectArrive(numbers(10));
  EXPECT_EQ(send("again"), std::error_code());
  runUntilSent(11);
}

TEST_P(UdpSend, ASendThatTakesAFewLeavesTheRestForTheNext) {
  open();
  const Faults faults(only(Call::kSendmmsg, [](const Asked&) { return Answer{.atMost = 3}; }));
  sendNumbers(10);
  runUntilSent(10);
  expectArrive(numbers(10));
  EXPECT_EQ(sends(), 4U);
}

TEST_P(UdpSend, AnInterruptedSendIsRepeated) {
  open();
  int interruptions = 3;
  const Faults faults(
      only(Call::kSendmmsg, [&](const Asked&) { return Answer{interruptions-- > 0 ? EINTR : 0}; }));
  sendNumbers(3);
  runUntilSent(3);
  EXPECT_TRUE(errors_.empty());
}

TEST_P(UdpSend, MoreThanAnyDatagramCanBeIsRefusedAtOnce) {
  open();
  EXPECT_EQ(send(std::string(70'000, 'x')), std::errc::message_size);
  EXPECT_EQ(socket_->queued(), 0U);
  EXPECT_EQ(socket_->stats().dropped, 1U);
}

TEST_P(UdpSend, WhatTheKernelFindsTooLongIsReportedAndTheRestLeaves) {
  open();
  const DatagramPeer other;
  send("before");
  EXPECT_EQ(socket_->send(kTooLong, other.address()), std::error_code());
  send("after");
  runUntilErrors(1);
  expectArrive({"before", "after"});
  EXPECT_TRUE(other.quiet());
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, std::errc::message_size);
  EXPECT_EQ(errors_[0].droppedFor, other.address());
  EXPECT_EQ(socket_->stats().sent, 2U);
  EXPECT_EQ(socket_->stats().dropped, 1U);
}

TEST_P(UdpSend, WhatTheKernelHasNoMemoryForIsDroppedRatherThanTriedForEver) {
  open();
  int failures = 1;
  const Faults faults(
      only(Call::kSendmmsg, [&](const Asked&) { return Answer{failures-- > 0 ? ENOBUFS : 0}; }));
  sendNumbers(3);
  runUntilErrors(1);
  EXPECT_EQ(errors_[0].code, std::errc::no_buffer_space);
  expectArrive({"1", "2"});
}

TEST_P(UdpSend, AnErrorCallbackThatSendsTheSameAgainLeavesOthersTheirTurn) {
  open();
  bool due = false;
  loop_.runAfter(std::chrono::milliseconds(5), [&] { due = true; });
  socket_->setErrorCallback([&](UdpSocket& socket, const UdpError& error) {
    errors_.push_back(error);
    if (!due) socket.send(kTooLong, *error.droppedFor);
  });
  send(kTooLong);
  runUntil(loop_, [&] { return due; });
  EXPECT_GT(errors_.size(), 1U);
  runTurns(loop_, 3);
  EXPECT_EQ(socket_->stats().dropped, errors_.size());
}

TEST_P(UdpSend, ManyErrorsInATurnAreAllCountedAndSomeReported) {
  open({.queueLimit = 1});
  for (int i = 0; i < 200; ++i) send(kTooLong);
  runTurns(loop_, 3);
  EXPECT_EQ(socket_->stats().dropped, 200U);
  EXPECT_GE(errors_.size(), 64U);
  EXPECT_LE(errors_.size(), 65U);
  for (const UdpError& error : errors_) EXPECT_EQ(error.code, std::errc::message_size);
}

TEST_P(UdpSend, WithoutAnErrorCallbackErrorsPass) {
  open();
  socket_->setErrorCallback({});
  send(kTooLong);
  send("after");
  runUntilSent(1);
  expectArrive({"after"});
}

TEST_P(UdpSend, ToNobodyInParticularIsRefused) {
  open();
  EXPECT_EQ(socket_->send("whom?"), std::errc::destination_address_required);
  EXPECT_EQ(socket_->stats().dropped, 1U);
}

TEST_P(UdpSend, ToAUnixDomainPeerIsAnErrorOfTheCall) {
  open();
  EXPECT_EQ(socket_->send("hello", SocketAddress::unixAbstract("tern")),
            std::errc::address_family_not_supported);
  EXPECT_EQ(socket_->stats().dropped, 1U);
}

TEST_P(UdpSend, AnAddressOfTheOtherFamilyIsReported) {
  open();
  const SocketAddress other("::1", 1);
  socket_->send("x", other);
  runUntilErrors(1);
  EXPECT_EQ(errors_[0].code, std::errc::address_family_not_supported);
  EXPECT_EQ(errors_[0].droppedFor, other);
}

TERN_ON_EACH_POLLER(UdpSend);

}  // namespace
}  // namespace tern::testing
