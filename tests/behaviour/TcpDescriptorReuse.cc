// TcpDescriptorReuse: a new connection gets the descriptor of one that has just died, and none of
// its bytes, in neither direction.
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr char kKill = '!';

// What the connection with this client's port carries, over and over.
std::string tagOf(const SocketAddress& client) { return std::to_string(client.port()) + ','; }

class TcpDescriptorReuse : public ServerFixture {
 protected:
  // Echoes to each client its tag, and looks at each byte. A client that sends kKill ends the
  // oldest of the others.
  void serveTags() {
    onUp = [this](const TcpConnectionPtr& connection) {
      connection->setContext(std::size_t{0});
      up_.push_back(connection);
    };
    onDown = [this](const TcpConnectionPtr& connection) { std::erase(up_, connection); };
    serveMessages([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      if (buffer->view().starts_with(kKill)) {
        buffer->retrieveAll();
        killOldestBut(connection);
        return;
      }
      const std::string tag = tagOf(connection->peerAddress());
      auto& position = std::any_cast<std::size_t&>(*connection->getMutableContext());
      for (const char byte : buffer->view()) {
        if (byte != tag[position++ % tag.size()]) ++foreign_;
      }
      connection->send(buffer);
    });
  }

  void killOldestBut(const TcpConnectionPtr& killer) {
    for (const TcpConnectionPtr& each : up_) {
      if (each == killer) continue;
      each->forceClose();
      return;
    }
  }

  std::vector<TcpConnectionPtr> up_;  // the loop's thread
  std::atomic<int> foreign_ = 0;      // bytes that a connection should not have seen
};

TEST_P(TcpDescriptorReuse, ShowsAConnectionItsOwnBytesOnly) {
  serveTags();
  Peer killer(address());
  accepted();
  auto victim = std::make_unique<Peer>(address());
  std::string expected = tagOf(victim->localAddress());
  accepted();
  for (int round = 0; round < 200; ++round) {
    std::unique_ptr<Peer> next;
    std::string tag;
    {
      // In one turn of the loop, or while it turns.
      std::optional<LoopHold> hold;
      if (round % 2 == 0) hold.emplace(loop());
      // Data of the victim before and behind the call that ends it, in an order that varies.
      if (round % 3 != 0) victim->sendAll(expected);
      killer.sendAll({&kKill, 1});
      if (round % 3 != 1) victim->sendNow(expected);
      next = std::make_unique<Peer>(address());
      tag = tagOf(next->localAddress());
      next->sendAll(tag);
    }
    const std::string last = victim->receiveUntilEnd().bytes;
    EXPECT_TRUE((expected + expected).starts_with(last)) << last << " for " << expected;
    EXPECT_EQ(next->receiveExactly(tag.size()), tag);
    accepted();
    closed();
    victim = std::move(next);
    expected = tag;
  }
  EXPECT_EQ(foreign_, 0);
}

TERN_ON_EACH_POLLER(TcpDescriptorReuse);

}  // namespace
}  // namespace tern::testing
