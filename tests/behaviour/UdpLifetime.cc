// UdpLifetime: a socket ends, or its callbacks throw, in the midst of everything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "support/UdpFixture.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

const std::string kTooLong(65'520, 'x');

class UdpLifetime : public UdpFixture {
 protected:
  void sendNumbers(int count) {
    for (const std::string& each : numbers(count)) peer_.sendTo(socket_->address(), each);
  }
  // Runs the loop until it has let out so many exceptions.
  void runUntilEscaped(int count) {
    for (int i = 0; i < count; ++i) EXPECT_THROW(run(loop_), std::runtime_error);
  }
};

TEST_P(UdpLifetime, DestroyedInItsCallbackItIsNotCalledForTheRestOfTheBatch) {
  open();
  const std::string kept = "a capture that must outlive the call";
  socket_->setDatagramCallback([this, kept](UdpSocket&, const UdpDatagram& datagram) {
    socket_.reset();
    // Both are still there.
    got_.push_back(kept + std::string(datagram.bytes));
  });
  sendNumbers(20);
  runUntilGot(1);
  runTurns(loop_, 5);
  EXPECT_EQ(got_.size(), 1U);
}

TEST_P(UdpLifetime, DestroyedInItsCallbackItSendsWhatItWasGiven) {
  open();
  socket_->setDatagramCallback([this](UdpSocket& socket, const UdpDatagram& datagram) {
    socket.send("goodbye", datagram.peer);
    got_.emplace_back();
    socket_.reset();
  });
  sendNumbers(2);
  runUntilGot(1);
  EXPECT_EQ(peer_.receive().bytes, "goodbye");
  runTurns(loop_, 5);
  EXPECT_TRUE(peer_.quiet());
}

TEST_P(UdpLifetime, DestroyedWithDatagramsQueuedAndErrorsDueCallsNobody) {
  open();
  socket_->send(kTooLong, peer_.address());
  socket_->send("last", peer_.address());
  socket_.reset();
  EXPECT_EQ(peer_.receive().bytes, "last");
  runTurns(loop_, 5);
  EXPECT_TRUE(errors_.empty());
}

TEST_P(UdpLifetime, DestroyedWhileItWaitsForRoom) {
  open();
  const Faults faults(only(Call::kSendmmsg, [](const Asked&) { return Answer{EAGAIN}; }));
  socket_->send("never", peer_.address());
  runTurns(loop_, 2);
  EXPECT_EQ(socket_->queued(), 1U);
  socket_.reset();
  runTurns(loop_, 5);
  EXPECT_TRUE(peer_.quiet());
}

TEST_P(UdpLifetime, DestroyedWithTheRestOfABatchKept) {
  open();
  socket_->setDatagramCallback([this](UdpSocket& socket, const UdpDatagram&) {
    got_.emplace_back();
    socket.stopRead();
  });
  sendNumbers(20);
  runUntilGot(1);
  socket_->startRead();
  socket_.reset();
  runTurns(loop_, 5);
  EXPECT_EQ(got_.size(), 1U);
}

TEST_P(UdpLifetime, DestroyedInItsErrorCallbackItIsToldNoMore) {
  open();
  socket_->setErrorCallback([this](UdpSocket&, const UdpError& error) {
    socket_.reset();
    errors_.push_back(error);
  });
  for (int i = 0; i < 3; ++i) socket_->send(kTooLong, peer_.address());
  runUntilErrors(1);
  runTurns(loop_, 5);
  EXPECT_EQ(errors_.size(), 1U);
}

TEST_P(UdpLifetime, DestroyedByAnothersCallbackInTheSameBatchOfEvents) {
  open();
  auto other = std::make_unique<UdpSocket>(loop_, SocketAddress(0, true));
  int calls = 0;
  other->setDatagramCallback([&](UdpSocket&, const UdpDatagram&) {
    socket_.reset();
    ++calls;
  });
  socket_->setDatagramCallback([&](UdpSocket&, const UdpDatagram&) {
    other.reset();
    ++calls;
  });
  sendNumbers(3);
  peer_.sendTo(other->address(), "x");
  runUntil(loop_, [&] { return calls > 0; });
  runTurns(loop_, 5);
  EXPECT_NE(socket_ == nullptr, other == nullptr);
}

TEST_P(UdpLifetime, AnExceptionLosesNothingButItsOwnDatagram) {
  open();
  socket_->setDatagramCallback([this](UdpSocket& socket, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    socket.send(datagram.bytes, datagram.peer);
    if (got_.size() % 7 == 3) throw std::runtime_error("callback");
  });
  sendNumbers(40);
  runUntilEscaped(6);
  runUntilGot(40);
  EXPECT_EQ(got_, numbers(40));
  // Nor what was sent before it.
  runTurns(loop_, 2);
  for (const std::string& each : numbers(40)) EXPECT_EQ(peer_.receive().bytes, each);
}

TEST_P(UdpLifetime, ACallbackThatAlwaysThrowsLeavesOthersTheirTurn) {
  open();
  UdpSocket other(loop_, SocketAddress(0, true));
  int gotOther = 0;
  other.setDatagramCallback([&](UdpSocket&, const UdpDatagram&) { ++gotOther; });
  socket_->setDatagramCallback([this](UdpSocket&, const UdpDatagram&) {
    got_.emplace_back();
    throw std::runtime_error("callback");
  });
  sendNumbers(30);
  peer_.sendTo(other.address(), "x");
  for (int i = 0; i < 5 && gotOther == 0; ++i) {
    try {
      runUntil(loop_, [&] { return gotOther > 0; });
    } catch (const std::runtime_error&) {
      continue;
    }
  }
  EXPECT_EQ(gotOther, 1);
  runUntilEscaped(static_cast<int>(30 - got_.size()));
  EXPECT_EQ(got_.size(), 30U);
}

TEST_P(UdpLifetime, ACallbackThatStopsReadingOrDestroysAndThenThrows) {
  open();
  socket_->setDatagramCallback([this](UdpSocket& socket, const UdpDatagram& datagram) {
    got_.emplace_back(datagram.bytes);
    if (got_.size() == 1) {
      socket.stopRead();
    } else {
      socket_.reset();
    }
    throw std::runtime_error("callback");
  });
  sendNumbers(5);
  runUntilEscaped(1);
  runTurns(loop_, 5);
  EXPECT_EQ(got_, numbers(1));
  socket_->startRead();
  runUntilEscaped(1);
  runTurns(loop_, 5);
  EXPECT_EQ(got_, numbers(2));
}

TEST_P(UdpLifetime, AnErrorCallbackThatThrowsIsStillToldOfTheOtherErrors) {
  open();
  socket_->setErrorCallback([this](UdpSocket&, const UdpError& error) {
    errors_.push_back(error);
    throw std::runtime_error("error callback");
  });
  for (int i = 0; i < 3; ++i) socket_->send(kTooLong, peer_.address());
  runUntilEscaped(3);
  EXPECT_EQ(errors_.size(), 3U);
  runTurns(loop_, 5);
  EXPECT_EQ(errors_.size(), 3U);
}

TEST_P(UdpLifetime, AnErrorCallbackThatDestroysAndThenThrows) {
  open();
  socket_->setErrorCallback([this](UdpSocket&, const UdpError& error) {
    errors_.push_back(error);
    socket_.reset();
    throw std::runtime_error("error callback");
  });
  for (int i = 0; i < 3; ++i) socket_->send(kTooLong, peer_.address());
  runUntilEscaped(1);
  runTurns(loop_, 5);
  EXPECT_EQ(errors_.size(), 1U);
}

TERN_ON_EACH_POLLER(UdpLifetime);

}  // namespace
}  // namespace tern::testing
