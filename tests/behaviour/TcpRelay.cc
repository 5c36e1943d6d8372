// TcpRelay: two connections joined: bytes, ends and backpressure carried across.
#include <gtest/gtest.h>
#include <tern/net/Relay.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// The first two connections of a server are joined.
class TcpRelay : public ServerFixture {
 protected:
  void serveRelay(const RelayOptions& options = {}) {
    serve([](TcpServer&) {});
    left = std::make_unique<Peer>(address());
    leftEnd = accepted();
    right = std::make_unique<Peer>(address(), 4096);
    rightEnd = accepted();
    runOnLoop([&] { relay(leftEnd, rightEnd, options); });
  }

  [[nodiscard]] std::size_t much() const {
    return GetParam().isTiny() ? std::size_t{20} * 1000 : std::size_t{8} * 1000 * 1000;
  }

  std::unique_ptr<Peer> left;
  std::unique_ptr<Peer> right;
  TcpConnectionPtr leftEnd;
  TcpConnectionPtr rightEnd;
};

TEST_P(TcpRelay, CarriesBytesBothWaysAtOnce) {
  serveRelay();
  const std::string there = patternOf(much(), 1);
  const std::string back = patternOf(much(), 2);
  std::thread sendLeft([&] { left->sendAll(there); });
  std::thread sendRight([&] { right->sendAll(back); });
  std::thread receiveLeft([&] { expectSameBytes(left->receiveExactly(back.size()), back); });
  expectSameBytes(right->receiveExactly(there.size()), there);
  sendLeft.join();
  sendRight.join();
  receiveLeft.join();
}

TEST_P(TcpRelay, CarriesTheEndOfOneDirectionAndKeepsTheOther) {
  serveRelay();
  left->sendAll("question");
  left->shutdownWrite();
  EXPECT_EQ(right->receiveUntilEof(), "question");
  right->sendAll("answer");
  right->shutdownWrite();
  EXPECT_EQ(left->receiveUntilEof(), "answer");
  EXPECT_EQ(closed().reason, std::error_code());
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpRelay, SendsAllThatCameBeforeTheEnd) {
  serveRelay();
  const std::string bytes = patternOf(much());
  std::thread sender([&] {
    left->sendAll(bytes);
    left->shutdownWrite();
  });
  expectSameBytes(right->receiveUntilEof(), bytes);
  sender.join();
}

TEST_P(TcpRelay, HoldsLittleForASlowReader) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it would take minutes to fill the way";
  RelayOptions options;
  options.highMark = 100'000;
  options.lowMark = 10'000;
  serveRelay(options);
  const std::string block = patternOf(1'000'000);
  constexpr std::size_t kMost = 100'000'000;
  const std::size_t sent = left->sendUntilFull(block, kMost);
  ASSERT_LT(sent, kMost);
  // One receive may come on top of the mark.
  EXPECT_LE(runOnLoop([&] { return rightEnd->outputBytes(); }), 100'000U + 512U * 1024U);
  EXPECT_FALSE(runOnLoop([&] { return leftEnd->isReading(); }));
  left->shutdownWrite();
  std::string expected;
  while (expected.size() < sent) expected += block;
  expected.resize(sent);
  expectSameBytes(right->receiveUntilEof(), expected);
}

TEST_P(TcpRelay, AResetOfOneEndEndsTheOther) {
  serveRelay();
  left->reset();
  EXPECT_EQ(right->receiveUntilEnd().bytes, "");
  closed();
  closed();
}

TEST_P(TcpRelay, AnEndThatTheUserClosesLetsTheOtherSendWhatItHas) {
  serveRelay();
  const std::string bytes = patternOf(100'000);
  runOnLoop([&] {
    rightEnd->send(bytes);
    leftEnd->forceClose();
  });
  expectSameBytes(right->receiveUntilEof(), bytes);
  right->close();
  closed();
  closed();
}

TEST_P(TcpRelay, DoesNotWaitForEverForThePeerOfTheOtherEnd) {
  RelayOptions options;
  options.linger = 30ms;
  serveRelay(options);
  runOnLoop([&] { leftEnd->forceClose(); });
  EXPECT_EQ(closed().connection, leftEnd);
  EXPECT_EQ(closed().reason, std::errc::timed_out);
}

TEST_P(TcpRelay, ForwardsWhatHadComeBeforeItBegan) {
  Mailbox<bool> came;
  serve([&](TcpServer& server) {
    server.setMessageCallback([&](const TcpConnectionPtr&, Buffer*, Timestamp) { came.put(true); });
    server.setHalfCloseCallback([&](const TcpConnectionPtr&) { came.put(true); });
  });
  left = std::make_unique<Peer>(address());
  leftEnd = accepted();
  left->sendAll("early");
  came.take();
  right = std::make_unique<Peer>(address());
  rightEnd = accepted();
  runOnLoop([&] { relay(leftEnd, rightEnd); });
  left->sendAll(" and late");
  EXPECT_EQ(right->receiveExactly(14), "early and late");
}

TEST_P(TcpRelay, WithAnEndThatIsGoneAlreadyEndsTheOther) {
  serve([](TcpServer&) {});
  left = std::make_unique<Peer>(address());
  leftEnd = accepted();
  right = std::make_unique<Peer>(address());
  rightEnd = accepted();
  left->close();
  EXPECT_EQ(closed().connection, leftEnd);
  runOnLoop([&] { relay(leftEnd, rightEnd); });
  EXPECT_EQ(right->receiveUntilEof(), "");
  right->close();
  closed();
}

TEST_P(TcpRelay, DropsWhatComesForAnEndThatIsNoMore) {
  serveRelay();
  const std::weak_ptr<TcpConnection> gone = leftEnd;
  leftEnd->forceClose();
  EXPECT_EQ(closed().connection, leftEnd);
  leftEnd.reset();
  ASSERT_TRUE(eventually([&] { return gone.expired(); }));
  right->sendAll(patternOf(much() / 2));
  right->shutdownWrite();
  const Closed end = closed();
  EXPECT_EQ(end.connection, rightEnd);
  EXPECT_EQ(end.reason, std::error_code());
  EXPECT_TRUE(runOnLoop([&] { return rightEnd->inputBuffer()->empty(); }));
}

TERN_ON_EACH_POLLER(TcpRelay);

}  // namespace
}  // namespace tern::testing
