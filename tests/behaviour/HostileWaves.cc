// HostileWaves: ten thousand clients that come and go, most of them rudely; and what is left of
// them.
#include <gtest/gtest.h>
#include <tern/net/TcpConnection.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "support/EachPoller.h"
#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kClientsInAWave = 200;
constexpr int kWaves = kSanitized ? 5 : 50;

class HostileWaves : public ServerFixture {
 protected:
  // Clients that leave before they were served, with bytes unsent or unread, in order and by reset.
  void wave() {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < kClientsInAWave; ++i) {
      peers.push_back(std::make_unique<Peer>(address()));
      if (i % 3 > 0) peers.back()->sendNow(message_);
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (i % 3 == 2) peers[i]->receiveExactly(message_.size());
      if (i % 2 == 0) peers[i]->reset();
    }
    peers.clear();
    awaitTheirEnd();
  }

  // A client that comes last is accepted last.
  void awaitTheirEnd() {
    {
      Peer last(address());
      expectServed(last);
    }
    ASSERT_TRUE(eventually([this] { return server().connectionCount() == kept_; }));
    // The fixture's notes hold the connections.
    while (ups().size() > 0) accepted();
    while (downs().size() > 0) closed();
  }

  void expectServed(Peer& peer) const {
    peer.sendAll(message_);
    EXPECT_EQ(peer.receiveExactly(message_.size()), message_);
  }

  std::size_t kept_ = 0;  // connections that are to stay
  const std::string message_ = patternOf(300);
};

TEST_P(HostileWaves, OfTenThousandClientsLeaveNoMemoryTaken) {
  serveEcho();
  const int waves = GetParam().isTiny() ? kWaves / 5 : kWaves;
  // Memory that is kept once it was needed, up to a bound, as io_uring's pool of receive buffers,
  // is taken once; what is lost with each client is lost each time.
  bool steady = false;
  for (int attempt = 0; attempt < 3 && !steady; ++attempt) {
    wave();
    const std::size_t before = residentBytesInUse();
    for (int i = 0; i < waves; ++i) wave();
    steady = kSanitized || residentBytesInUse() < before + before / 10;
  }
  EXPECT_TRUE(steady);
}

TEST_P(HostileWaves, OfResetsTakeNothingFromThoseWhoStay) {
  serveEcho();
  std::vector<std::unique_ptr<Peer>> staying;
  staying.reserve(20);
  for (int i = 0; i < 20; ++i) staying.push_back(std::make_unique<Peer>(address()));
  kept_ = staying.size();
  for (int i = 0; i < 5; ++i) {
    {
      // All of them end before the loop has seen any of them.
      const LoopHold hold(loop());
      for (int k = 0; k < kClientsInAWave; ++k) {
        Peer peer(address());
        if (k % 2 == 0) peer.sendNow(message_);
        peer.reset();
      }
      for (const auto& peer : staying) peer->sendAll(message_);
    }
    for (const auto& peer : staying) {
      EXPECT_EQ(peer->receiveExactly(message_.size()), message_);
    }
    awaitTheirEnd();
  }
  EXPECT_EQ(server().connectionCount(), kept_);
}

TERN_ON_EACH_POLLER(HostileWaves);

}  // namespace
}  // namespace tern::testing
