// HostileStorms: one loop hit at once by a firehose, a storm of connections, and a hundred clients
// that want a short answer. How long those wait is counted in what the loop did for the others
// meanwhile: time would measure the machine.
#include <gtest/gtest.h>
#include <poll.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kPingers = 100;
constexpr int kRounds = kSanitized ? 3 : 10;
constexpr int kStorm = 150;  // connections that wait when a round begins
// How far the rest of the storm may be ahead of the server. More than the accept queue takes would
// leave a peer of the test waiting for a place, while the loop that makes room is held.
constexpr std::size_t kAhead = 1'000;

class HostileStorms : public ServerFixture {
 protected:
  // What the loop did for the attackers; on its thread, or while it is held.
  struct Work {
    std::size_t bytes = 0;
    std::size_t connections = 0;
  };

  // The first connection is the firehose, the next ones ping, the others are the storm.
  void serveAll() {
    onUp = [this](const TcpConnectionPtr& connection) {
      if (connection->id() > 1 + kPingers) ++done_.connections;
    };
    serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      if (connection->id() == 1) {
        done_.bytes += buffer->readableBytes();
        buffer->retrieveAll();
      } else {
        bytesBefore_.push_back(done_.bytes - atStart_.bytes);
        connectionsBefore_.push_back(done_.connections - atStart_.connections);
        connection->send(buffer);
      }
    });
    firehose_ = connect();
    accepted();
    for (std::size_t i = 0; i < kPingers; ++i) {
      pingers_.push_back(connect());
      accepted();
    }
  }

  std::unique_ptr<Peer> connect() {
    ++begun_;
    return std::make_unique<Peer>(address());
  }

  // Sends as long as the way is not full, waits, and goes on.
  void sendWithoutEnd(const std::stop_token& stop) const {
    while (!stop.stop_requested()) {
      if (firehose_->sendNow(block_) > 0) continue;
      pollfd full{firehose_->fd(), POLLOUT, 0};
      ::poll(&full, 1, 10);
    }
  }

  void connectWithoutEnd(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (begun_ - server().stats().accepted < kAhead) {
        connect()->reset();
      } else {
        std::this_thread::yield();
      }
    }
  }

  // All pings are there when the loop looks up, behind a storm, and so is the firehose.
  void round() {
    std::vector<std::unique_ptr<Peer>> storm;
    {
      const LoopHold hold(loop());
      for (int i = 0; i < kStorm; ++i) storm.push_back(connect());
      firehose_->sendNow(block_);
      for (const auto& peer : pingers_) peer->sendAll("ping");
      atStart_ = done_;
    }
    for (const auto& peer : pingers_) EXPECT_EQ(peer->receiveExactly(4), "ping");
    for (const auto& peer : storm) peer->reset();
  }

  // Of a hundred, the last but one.
  static std::size_t ninetyNinth(std::vector<std::size_t> values) {
    std::sort(values.begin(), values.end());
    return values.at(values.size() * 99 / 100);
  }

  const std::string block_ = patternOf(std::size_t{256} * 1024);
  Work done_;
  Work atStart_;
  std::vector<std::size_t> bytesBefore_;
  std::vector<std::size_t> connectionsBefore_;
  std::atomic<std::size_t> begun_ = 0;  // connections, the storm's and the others'
  std::unique_ptr<Peer> firehose_;
  std::vector<std::unique_ptr<Peer>> pingers_;
};

TEST_P(HostileStorms, APingWaitsForFewBytesOfAFirehoseAndFewConnectionsOfAStorm) {
  serveAll();
  {
    const std::jthread sending([this](const std::stop_token& stop) { sendWithoutEnd(stop); });
    const std::jthread connecting([this](const std::stop_token& stop) { connectWithoutEnd(stop); });
    for (int i = 0; i < kRounds; ++i) round();
  }
  stop();
  ASSERT_GE(bytesBefore_.size(), kRounds * kPingers);
  // A few turns' worth: without a bound to a turn there would be no end, since both go on. What a
  // ring can tell at a time is the most: 4096 completions.
  EXPECT_LT(ninetyNinth(bytesBefore_), std::size_t{16} << 20U);
  EXPECT_LT(ninetyNinth(connectionsBefore_), 4'096U);
  EXPECT_GT(done_.bytes, 0U);
  EXPECT_GE(done_.connections, static_cast<std::size_t>(kStorm));
}

TERN_ON_EACH_POLLER(HostileStorms);

}  // namespace
}  // namespace tern::testing
