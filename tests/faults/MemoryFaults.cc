// MemoryFaults: whichever allocation of a connection's life is refused, the process stays up, the
// connection ends or goes on, and the server serves the next one.
#include "ShortOfMemory.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "support/Descriptors.h"
#include "support/LoopRun.h"
#include "support/Pattern.h"
#include "support/Peers.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLarge = std::size_t{300} * 1024;

class MemoryFaults : public ShortOfMemory {
 protected:
  MemoryFaults() {
    server_.setConnectionCallback([this](const TcpConnectionPtr& connection) {
      (connection->connected() ? ups_ : downs_) += 1;
    });
    // What a careful user does: without memory for the reply, there is no connection.
    server_.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      // An incomplete message: the bytes stay, and must be copied.
      if (buffer->readableBytes() < 1000 && buffer->view().front() != '!') return;
      try {
        connection->send(std::string(buffer->view()));
        buffer->retrieveAll();
      } catch (const std::bad_alloc&) {
        connection->forceClose();
      }
    });
    server_.setWriteCompleteCallback([](const TcpConnectionPtr&) {});
    server_.setIdleTimeout(1h);
    server_.start();
    turns(3);
  }

  // A connection with all that may need memory: input that waits, large output that waits.
  void live() {
    std::optional<Peer> peer;
    const auto as = [&](const std::function<void()>& act) {
      withMemory(act);
      turns(GetParam().isTiny() ? 50 : 3);  // with buffers of a few bytes all takes longer
    };
    as([&] { peer.emplace(server_.address(), 4096); });
    as([&] { peer->sendNow("incomplete"); });
    as([&] { peer->sendNow(patternAt(0, 2000)); });
    as([&] { peer->sendNow("!" + std::string(patternAt(0, kLarge))); });
    as([&] { peer->sendNow(patternAt(0, kLarge)); });
    for (int i = 0; i < 3; ++i) as([&] { static_cast<void>(drain(*peer)); });
    as([&] { peer->reset(); });
    turns(5);
  }

  static std::size_t drain(const Peer& peer) {
    std::string block(kLarge, '\0');
    return static_cast<std::size_t>(
        std::max<ssize_t>(::recv(peer.fd(), block.data(), block.size(), MSG_DONTWAIT), 0));
  }

  void expectServes() {
    Peer peer(server_.address());
    peer.sendAll("!served");
    std::string echo;
    runUntil(loop_, [&] {
      char block[16];
      const ssize_t n = ::recv(peer.fd(), block, sizeof block, MSG_DONTWAIT);
      if (n > 0) echo.append(block, static_cast<std::size_t>(n));
      return echo.size() == 7 || n == 0;
    });
    EXPECT_EQ(echo, "!served");
    peer.close();
    runUntil(loop_, [&] { return ups_ == downs_; });
    EXPECT_EQ(server_.connectionCount(), 0U);
  }

  TcpServer server_{&loop_, SocketAddress(0, true), "test"};
  int ups_ = 0;
  int downs_ = 0;
};

TEST_P(MemoryFaults, EachAllocationOfAConnectionsLifeMayBeRefused) {
  live();  // what is kept from now on for the next one is there
  expectServes();
  const std::set<int> before = openDescriptors();
  std::size_t place = 0;
  for (;; ++place) {
    SCOPED_TRACE("allocation " + std::to_string(place));
    std::size_t refused = 0;
    {
      const HeapRefusal refusal(place, 1);
      live();
      refused = refusal.refused();
    }
    expectServes();
    if (refused == 0 || HasFailure()) break;
  }
  EXPECT_GT(place, 10U);
  EXPECT_EQ(openDescriptors(), before);
  std::cout << place << " allocations\n";
}

TEST_P(MemoryFaults, WithoutAnyMemoryForAWhileTheServerStaysAndRecovers) {
  live();
  for (std::size_t spared = 0; spared < 40; ++spared) {
    SCOPED_TRACE("after " + std::to_string(spared));
    {
      const HeapRefusal refusal(spared);
      live();
    }
    expectServes();
    if (HasFailure()) break;
  }
}

TEST_P(MemoryFaults, ASendWithoutAnyMayBeTriedAgainInTheSameCallback) {
  int refused = 0;
  // On a thread of its own, which keeps no blocks yet.
  std::thread([&] {
    EventLoop loop(GetParam().spec);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setMessageCallback([&](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
      for (int i = 0; i < 3; ++i) {
        const HeapRefusal refusal;
        try {
          connection->send(input->view());
        } catch (const std::bad_alloc&) {
          ++refused;
        }
      }
      connection->send(input);
    });
    server.start();
    Peer peer(server.address());
    peer.sendAll("echo");
    char echo[8];
    runUntil(loop, [&] { return ::recv(peer.fd(), echo, sizeof echo, MSG_DONTWAIT) == 4; });
    EXPECT_EQ(std::string_view(echo, 4), "echo");
  }).join();
  EXPECT_EQ(refused, 3);
}

// A connection's first reply of several chunks, which it takes more to describe than one.
TEST_P(MemoryFaults, AReplyInPiecesNeedsNoneToLeave) {
  std::optional<HeapRefusal> refusal;
  TcpServer server(&loop_, SocketAddress(0, true), "pieces");
  server.setMessageCallback([&](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
    input->retrieveAll();
    connection->send(std::string(patternAt(0, 2000)));
    connection->send(std::string(patternAt(2000, 2000)));
    refusal.emplace();
  });
  server.start();
  Peer peer(server.address());
  std::string reply;
  peer.sendAll("?");
  for (int i = 0; i < 200 && reply.size() < 4000; ++i) {
    turns(1);
    withMemory([&] {
      char block[4096];
      const ssize_t n = ::recv(peer.fd(), block, sizeof block, MSG_DONTWAIT);
      if (n > 0) reply.append(block, static_cast<std::size_t>(n));
    });
  }
  EXPECT_EQ(refusal.has_value(), true);
  refusal.reset();
  EXPECT_TRUE(reply == patternAt(0, 4000)) << reply.size() << " bytes";
  EXPECT_EQ(server.connectionCount(), 1U);
}

TEST_P(MemoryFaults, AServerThatDrainsIsDoneThoughItsConnectionsEndWithoutAny) {
  for (std::size_t spared = 0; spared < 10; ++spared) {
    SCOPED_TRACE("after " + std::to_string(spared));
    TcpServer server(&loop_, SocketAddress(0, true), "ends");
    server.start();
    std::optional<Peer> peer(std::in_place, server.address());
    runUntil(loop_, [&] { return server.stats().accepted == 1; });
    bool done = false;
    server.stop(1h, [&] { done = true; });
    turns(3);
    EXPECT_FALSE(done);
    {
      const HeapRefusal refusal(spared);
      withMemory([&] { peer.reset(); });
      turns(20);
    }
    runUntil(loop_, [&] { return done; });
  }
}

TEST_P(MemoryFaults, AListenerOutOfDescriptorsTooPausesAndGoesOn) {
  if (GetParam().isUring()) GTEST_SKIP() << "what makes a ring's accepts fail takes memory itself";
  Peer peer(server_.address());
  {
    // One shortage after the other: each pause takes the place of the one before.
    const Faults faults([](const Asked& asked) {
      return Answer{.error = asked.call == Call::kAccept ? EMFILE : 0};
    });
    const HeapRefusal refusal;
    for (int i = 0; i < 3; ++i) runFor(60ms);
  }
  EXPECT_GE(server_.stats().acceptErrors, 1U);  // a poller of one's own may not go on without
  EXPECT_LE(server_.stats().acceptErrors, 10U);
  peer.close();
  expectServes();
}

TEST_P(MemoryFaults, AreCountedForWhatTheyAre) {
  live();
  for (std::size_t spared = 0; spared < 40; ++spared) {
    const HeapRefusal refusal(spared);
    live();
  }
  expectServes();
  const ServerStats stats = server_.stats();
  EXPECT_GT(stats.refused.failed, 0U);
  EXPECT_GT(stats.closed.noMemory, 0U);
  EXPECT_EQ(stats.accepted, stats.closed.total());
  EXPECT_EQ(stats.accepted, static_cast<std::uint64_t>(ups_));
  EXPECT_EQ(stats.bytesBuffered, 0U);
}

TERN_ON_EACH_POLLER(MemoryFaults);

}  // namespace
}  // namespace tern::testing

#endif
