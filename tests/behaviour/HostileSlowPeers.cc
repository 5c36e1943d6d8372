// HostileSlowPeers: many at once of those who send a byte now and then, who read nothing, and who
// are gone without a word. Those who behave are served meanwhile.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMany = 100;
constexpr auto kShort = 40ms;

class HostileSlowPeers : public ServerFixture {
 protected:
  // Answers each line with itself, once it is whole.
  void serveLines(const std::function<void(TcpServer&)>& configure = {}) {
    serve([&configure](TcpServer& server) {
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
        while (const char* end = buffer->findEOL()) {
          connection->send(
              buffer->retrieveAsString(static_cast<std::size_t>(end + 1 - buffer->peek())));
        }
      });
      if (configure) configure(server);
    });
  }

  // The first connection that comes up is the one that behaves.
  void comeIn(std::size_t count, int receiveBuffer = 0) {
    good_ = std::make_unique<Peer>(address());
    goodConnection_ = accepted();
    for (std::size_t i = 0; i < count; ++i) {
      peers_.push_back(std::make_unique<Peer>(address(), receiveBuffer));
      connections_.push_back(accepted());
    }
  }

  void expectGoodOneServed() {
    good_->sendAll("a line\n");
    EXPECT_EQ(good_->receiveExactly(7), "a line\n");
  }

  void expectAllButTheGoodOneClosed(std::errc reason) {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const Closed end = closed();
      EXPECT_EQ(end.reason, reason) << end.reason.message();
      EXPECT_NE(end.connection, goodConnection_);
    }
    expectGoodOneServed();
    EXPECT_EQ(server().connectionCount(), 1U);
  }

  std::unique_ptr<Peer> good_;
  TcpConnectionPtr goodConnection_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<TcpConnectionPtr> connections_;
};

TEST_P(HostileSlowPeers, ACrowdThatSendsByteByByteIsUnderstood) {
  serveLines();
  comeIn(kMany);
  const std::string line = "a line that takes its time\n";
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (const auto& peer : peers_) peer->sendAll(line.substr(at, 1));
    if (at % 5 == 0) expectGoodOneServed();
  }
  for (const auto& peer : peers_) EXPECT_EQ(peer->receiveExactly(line.size()), line);
}

TEST_P(HostileSlowPeers, ACrowdThatNeverEndsItsLinesIsClosedAtItsDeadlines) {
  onUp = [](const TcpConnectionPtr& connection) {
    if (connection->id() > 1) connection->setDeadline(Clock::now() + kShort);
  };
  serveLines();
  good_ = std::make_unique<Peer>(address());
  goodConnection_ = accepted();
  for (std::size_t i = 0; i < kMany; ++i) peers_.push_back(std::make_unique<Peer>(address()));
  while (downs().total() < kMany) {
    for (const auto& peer : peers_) peer->sendNow("x");
    expectGoodOneServed();
  }
  for (std::size_t i = 0; i < kMany; ++i) connections_.push_back(accepted());
  expectAllButTheGoodOneClosed(std::errc::timed_out);
}

TEST_P(HostileSlowPeers, ACrowdThatAsksAndNeverReadsIsCutOff) {
  const auto answer = std::make_shared<const std::string>(std::size_t{64} * 1024, 'x');
  serveLines([&](TcpServer& server) {
    server.setOutputLimit(std::size_t{1} << 20U);
    server.setMessageCallback(
        [answer](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
          for (; buffer->readableBytes() > 0; buffer->retrieve(1)) {
            if (*buffer->peek() == '?') connection->send(answer);
          }
        });
  });
  comeIn(10, 4096);
  while (downs().total() < peers_.size()) {
    for (const auto& peer : peers_) peer->sendNow("?");
    good_->sendAll("?");
    EXPECT_EQ(good_->receiveExactly(answer->size()), *answer);
  }
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    EXPECT_EQ(closed().reason, std::errc::no_buffer_space);
  }
  EXPECT_TRUE(goodConnection_->connected());
}

// Half-open connections: the peer's end is gone, and its kernel said nothing.
class HostileHalfOpen : public HostileSlowPeers {
 protected:
  void SetUp() override {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) != 0) {
      GTEST_SKIP() << "it takes CAP_NET_ADMIN to close a connection without a word";
    }
  }

  void vanish() {
    const int on = 1;
    for (const auto& peer : peers_) {
      ASSERT_EQ(::setsockopt(peer->fd(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), 0);
    }
    peers_.clear();
  }
};

TEST_P(HostileHalfOpen, ACrowdThatVanishesIsClosedAfterTheIdleTime) {
  onUp = [](const TcpConnectionPtr& connection) {
    if (connection->id() == 1) connection->setIdleTimeout(0s);
  };
  serveLines([](TcpServer& server) { server.setIdleTimeout(kShort); });
  comeIn(kMany);
  vanish();
  expectAllButTheGoodOneClosed(std::errc::timed_out);
}

TEST_P(HostileHalfOpen, ACrowdThatVanishedIsClosedWhenItIsSpokenTo) {
  serveLines();
  comeIn(kMany);
  vanish();
  expectGoodOneServed();
  EXPECT_EQ(server().connectionCount(), 1 + kMany);
  for (const TcpConnectionPtr& connection : connections_) connection->send("are you there?");
  expectAllButTheGoodOneClosed(std::errc::connection_reset);
}

TERN_ON_EACH_POLLER(HostileSlowPeers);
TERN_ON_EACH_POLLER(HostileHalfOpen);

}  // namespace
}  // namespace tern::testing
