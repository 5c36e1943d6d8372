// ClientRetry: attempts that follow failures and losses, and their delays.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "support/ClientFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr RetryPolicy kQuick{2ms, 16ms};

class ClientRetry : public ClientFixture {
 protected:
  TcpClient& makeRetryingClient() {
    return makeClient([](TcpClient& client) { client.setRetry(kQuick); });
  }

  // Twice, on the loop's own clock: an attempt that is due by then was made.
  void passTheLongestDelay() {
    Mailbox<bool> over;
    loop().runAfter(2 * kQuick.longest, [&] { over.put(true); });
    over.take();
  }

  void expectNobodyComes() {
    passTheLongestDelay();
    EXPECT_FALSE(listener.hasClient());
  }
};

TEST_P(ClientRetry, TriesUntilTheServerIsThere) {
  makeRetryingClient().connect();
  failures.awaitTotal(3);
  EXPECT_EQ(failures.take().error, std::errc::connection_refused);
  listener.listen();
  EXPECT_TRUE(ups.take()->connected());
  EXPECT_EQ(ups.total(), 1U);
}

TEST_P(ClientRetry, DoublesItsDelaysUpToTheLongestAndDrawsThemByChance) {
  makeRetryingClient().connect();
  Duration all = kQuick.first;
  std::set<Duration> drawn;
  for (int i = 0; i < 24; ++i) {
    const Failure failure = failures.take();
    ASSERT_TRUE(failure.retryIn);
    EXPECT_GE(*failure.retryIn, all / 2);
    EXPECT_LE(*failure.retryIn, all);
    if (all == kQuick.longest) drawn.insert(*failure.retryIn);
    all = std::min<Duration>(2 * all, kQuick.longest);
  }
  EXPECT_GT(drawn.size(), 1U);
}

TEST_P(ClientRetry, ConnectsAgainAfterEachLoss) {
  listener.listen();
  makeRetryingClient().connect();
  for (int i = 1; i <= 3; ++i) {
    Peer server = listener.accept();
    EXPECT_EQ(ups.take()->name(), "client#" + std::to_string(i));
    if (i % 2 == 0) {
      server.reset();
    } else {
      server.close();
    }
    downs.take();
  }
  EXPECT_TRUE(ups.take()->connected());
}

TEST_P(ClientRetry, EndsWithDisconnect) {
  listener.listen();
  makeRetryingClient().connect();
  Peer server = listener.accept();
  ups.take();
  client().disconnect();
  EXPECT_EQ(server.receiveUntilEof(), "");
  server.close();
  downs.take();
  expectNobodyComes();
}

TEST_P(ClientRetry, EndsWithDisconnectInTheCallbackThatTellsOfTheLoss) {
  onDown = [this](const TcpConnectionPtr&) { client().disconnect(); };
  listener.listen();
  makeRetryingClient().connect();
  listener.accept().close();
  downs.take();
  expectNobodyComes();
}

TEST_P(ClientRetry, EndsWithStopWhileTheConnectionStays) {
  listener.listen();
  makeRetryingClient().connect();
  Peer server = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  client().stop();
  connection->send("still here");
  EXPECT_EQ(server.receiveExactly(10), "still here");
  server.close();
  downs.take();
  expectNobodyComes();
}

TEST_P(ClientRetry, StopsBetweenAttempts) {
  makeRetryingClient().connect();
  failures.take();
  runOnLoop([this] { client().stop(); });
  const std::size_t soFar = failures.total();
  passTheLongestDelay();
  EXPECT_EQ(failures.total(), soFar);
}

TEST_P(ClientRetry, IsNotTheDefault) {
  listener.listen();
  makeClient().connect();
  listener.accept().close();
  ups.take();
  downs.take();
  expectNobodyComes();
}

TEST_P(ClientRetry, WithoutItTheUserConnectsAgainInTheCallbackThatTellsOfTheLoss) {
  TcpClient& client = makeClient();
  onDown = [&client](const TcpConnectionPtr& connection) {
    EXPECT_EQ(client.connection(), nullptr);
    if (connection->id() < 3) client.connect();
  };
  listener.listen();
  client.connect();
  for (int i = 1; i <= 3; ++i) {
    listener.accept().close();
    EXPECT_EQ(ups.take()->id(), static_cast<std::uint64_t>(i));
    downs.take();
  }
}

TERN_ON_EACH_POLLER(ClientRetry);

}  // namespace
}  // namespace tern::testing
