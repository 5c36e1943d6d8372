// ExhaustionOfPorts: a client for which there is no ephemeral port, in a network that has few.
#include <gtest/gtest.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/OwnNetwork.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ExhaustionOfPorts : public OnEachPoller {
 protected:
  // Connections until there is no port for another.
  void takeAllPorts(PeerListener& listener) {
    for (int i = 0; i < 100; ++i) {
      try {
        taken_.push_back(std::make_unique<Peer>(listener.address()));
      } catch (const std::runtime_error&) {
        return;
      }
      others_.push_back(std::make_unique<Peer>(listener.accept()));
    }
    FAIL() << "there is always one more port";
  }

  // With a reset: else the kernel keeps it for a minute.
  void freeAPort() { taken_.back()->reset(); }

  std::vector<std::unique_ptr<Peer>> taken_;
  std::vector<std::unique_ptr<Peer>> others_;
};

TEST_P(ExhaustionOfPorts, IsReportedToAClientThatConnectsOnceOneIsFree) {
  const std::string refusal = runInOwnNetwork({{"ipv4/ip_local_port_range", "50000 50007"}}, [&] {
    PeerListener listener;
    listener.listen();
    takeAllPorts(listener);
    ASSERT_GE(taken_.size(), 2U);
    LoopThread thread(GetParam().spec);
    Mailbox<std::error_code> failures;
    Mailbox<TcpConnectionPtr> changes;
    TcpClient client(&thread.loop(), listener.address(), "client");
    client.setRetry({1ms, 1ms});
    client.setConnectErrorCallback(
        [&](std::error_code error, std::optional<Duration>) { failures.put(error); });
    client.setConnectionCallback(
        [&](const TcpConnectionPtr& connection) { changes.put(connection); });
    client.connect();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(failures.take(), std::errc::address_not_available);
    }
    freeAPort();
    const TcpConnectionPtr connection = changes.take();
    Peer server = listener.accept();
    connection->send("through the last port");
    EXPECT_EQ(server.receiveExactly(21), "through the last port");
  });
  if (!refusal.empty()) GTEST_SKIP() << refusal;
}

TEST_P(ExhaustionOfPorts, OfOneServerLeavesOthersWithinReach) {
  const std::string refusal = runInOwnNetwork({{"ipv4/ip_local_port_range", "50000 50007"}}, [&] {
    PeerListener listener;
    listener.listen();
    // Bound while there is a port, and not a destination of those that take all.
    PeerListener other;
    other.listen();
    takeAllPorts(listener);
    LoopThread thread(GetParam().spec);
    Mailbox<TcpConnectionPtr> changes;
    TcpClient client(&thread.loop(), other.address(), "client");
    client.setConnectionCallback(
        [&](const TcpConnectionPtr& connection) { changes.put(connection); });
    client.connect();
    EXPECT_TRUE(changes.take()->connected());
  });
  if (!refusal.empty()) GTEST_SKIP() << refusal;
}

TERN_ON_EACH_POLLER(ExhaustionOfPorts);

}  // namespace
}  // namespace tern::testing
