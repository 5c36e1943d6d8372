// TcpDeadlines: connections that are closed for want of traffic, or of progress.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// Short, where a test waits for it; long, where it must not come.
constexpr auto kShort = 40ms;
constexpr auto kLong = 10min;

class TcpDeadlines : public ServerFixture {
 protected:
  void serveWithIdleTimeout(Delay timeout) {
    serve([timeout](TcpServer& server) {
      server.setIdleTimeout(timeout);
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
        connection->send(buffer);
      });
    });
  }

  // Runs `step` on the loop every few milliseconds until it returns false.
  void repeat(const std::function<bool()>& step) {
    auto id = std::make_shared<TimerId>();
    Mailbox<bool> over;
    runOnLoop([&] {
      *id = loop().runEvery(kShort / 8, [this, id, step, &over] {
        if (step()) return;
        loop().cancel(*id);
        over.put(true);
      });
    });
    over.take();
  }

  void expectTimedOut() { EXPECT_EQ(closed().reason, std::errc::timed_out); }
};

TEST_P(TcpDeadlines, AnIdleConnectionIsClosedAndTheReasonSaysSo) {
  serveWithIdleTimeout(kShort);
  Peer peer(address());
  expectTimedOut();
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
}

TEST_P(TcpDeadlines, TheIdleTimeBeginsAnewWithEachMessage) {
  serveWithIdleTimeout(kShort);
  Timestamp last = Clock::now();
  Peer peer(address());
  Peer silent(address());
  // The silent one goes first, although it came second.
  const std::uint64_t first = accepted()->id();
  accepted();
  std::atomic<bool> stop{false};
  Duration longestSilence{0};  // on a busy machine the talker may not get to talk in time
  std::thread talker([&] {
    try {
      while (!stop) {
        const Timestamp now = Clock::now();
        longestSilence = std::max(longestSilence, now - std::exchange(last, now));
        peer.sendAll("x");
        if (peer.receiveSome().empty()) break;
        std::this_thread::yield();
      }
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): closed in between
    }
  });
  const std::uint64_t closedFirst = closed().connection->id();
  const std::size_t downsSoFar = downs().total();
  stop = true;
  talker.join();
  longestSilence = std::max(longestSilence, Clock::now() - last);
  if (longestSilence < kShort / 2) {
    EXPECT_NE(closedFirst, first);
    EXPECT_EQ(downsSoFar, 1U);
  }
  expectTimedOut();
}

TEST_P(TcpDeadlines, BytesThatWeSendCountAsTraffic) {
  serveWithIdleTimeout(kShort);
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const Timestamp until = Clock::now() + 4 * kShort;
  repeat([&] {
    connection->send("tick");
    return Clock::now() < until;
  });
  EXPECT_TRUE(connection->connected());
  expectTimedOut();
}

TEST_P(TcpDeadlines, BytesForAPeerThatTakesNoneAreNoTraffic) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it would take minutes to fill the way";
  serveWithIdleTimeout(kShort);
  Peer peer(address(), 4096);
  const TcpConnectionPtr connection = accepted();
  // More than the kernel takes: what is left waits, and each further piece with it.
  connection->send(std::string(std::size_t{16} * 1024 * 1024, 'x'));
  repeat([&] {
    connection->send("more");
    return !connection->disconnected();
  });
  expectTimedOut();
}

TEST_P(TcpDeadlines, AConnectionCanHaveAnIdleTimeoutOfItsOwn) {
  onUp = [](const TcpConnectionPtr& connection) {
    connection->setIdleTimeout(connection->id() == 1 ? Delay(kShort) : Delay(0s));
  };
  serveWithIdleTimeout(kLong);
  Peer brief(address());
  const TcpConnectionPtr first = accepted();
  Peer patient(address());
  const TcpConnectionPtr second = accepted();
  EXPECT_EQ(closed().connection, first);
  patient.sendAll("x");
  EXPECT_EQ(patient.receiveExactly(1), "x");
  EXPECT_TRUE(second->connected());
}

TEST_P(TcpDeadlines, AreNotFooledByBytesThatTrickleIn) {
  onUp = [](const TcpConnectionPtr& connection) { connection->setDeadline(Clock::now() + kShort); };
  serveEcho();
  Peer peer(address());
  std::thread talker([&] {
    try {
      while (peer.sendNow("x") > 0 && !peer.receiveSome().empty()) {
      }
    } catch (const std::runtime_error&) {
      // a reset
    }
  });
  expectTimedOut();
  talker.join();
}

TEST_P(TcpDeadlines, ADeadlineThatIsClearedDoesNotCome) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  Mailbox<bool> over;
  runOnLoop([&] {
    connection->clearDeadline();
    connection->setDeadline(Clock::now() + kShort);
    connection->clearDeadline();
    loop().runAfter(2 * kShort, [&] { over.put(true); });
  });
  over.take();
  EXPECT_TRUE(connection->connected());
}

TEST_P(TcpDeadlines, ALaterDeadlineReplacesAnEarlierOneAndTheOtherWayRound) {
  serveEcho();
  Peer first(address());
  const TcpConnectionPtr patient = accepted();
  Peer second(address());
  const TcpConnectionPtr brief = accepted();
  Mailbox<bool> over;
  runOnLoop([&] {
    patient->setDeadline(Clock::now() + kShort);
    patient->setDeadline(Clock::now() + kLong);
    brief->setDeadline(Clock::now() + kLong);
    brief->setDeadline(Clock::now() + kShort);
    loop().runAfter(2 * kShort, [&] { over.put(true); });
  });
  over.take();
  EXPECT_TRUE(patient->connected());
  EXPECT_EQ(closed().connection, brief);
}

TEST_P(TcpDeadlines, InThePastCloseAtOnce) {
  onUp = [](const TcpConnectionPtr& connection) { connection->setDeadline(Clock::now() - 1s); };
  serveEcho();
  const Peer peer(address());
  expectTimedOut();
}

TEST_P(TcpDeadlines, SetInTheLastCallbackHaveNoEffect) {
  onDown = [](const TcpConnectionPtr& connection) {
    connection->setDeadline(Clock::now());
    connection->setIdleTimeout(1ms);
  };
  serveEcho();
  Peer(address()).close();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpDeadlines, EndAHalfClosedConnectionWhosePeerStays) {
  serveWithIdleTimeout(kShort);
  Peer peer(address());
  accepted()->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  expectTimedOut();
}

// A timer for each message would show.
TEST_P(TcpDeadlines, CostNothingThatGrowsWithTraffic) {
  serve([](TcpServer& server) {
    server.setIdleTimeout(kLong);
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->setDeadline(Clock::now() + kLong);
      connection->send(buffer);
      connection->clearDeadline();
    });
  });
  Peer peer(address());
  const auto exchange = [&] {
    peer.sendAll("x");
    EXPECT_EQ(peer.receiveExactly(1), "x");
  };
  exchange();
  const auto waits = [this] { return runOnLoop([this] { return loop().poller().stats().waits; }); };
  const std::uint64_t before = waits();
  constexpr std::uint64_t kMessages = 500;
  for (std::uint64_t i = 0; i < kMessages; ++i) exchange();
  // A wait or two a message; a timer that fired for each would add another.
  EXPECT_LT(waits() - before, 2 * kMessages + kMessages / 2);
}

TERN_ON_EACH_POLLER(TcpDeadlines);

}  // namespace
}  // namespace tern::testing
