// ServerShortage: out of descriptors, a server serves those it has, does not spin, and recovers.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/FewDescriptors.h"
#include "support/LogCapture.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// A client whose descriptor exists before the shortage.
class EarlyPeer {
 public:
  EarlyPeer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  void ask(const SocketAddress& server) {
    // Interrupted, as by a ring that ended on this thread, it goes on by itself, and the first
    // send() waits for it.
    if (::connect(fd_.get(), server.sockAddr(), server.sockAddrLength()) != 0 && errno != EINTR) {
      throw std::system_error(errno, std::system_category(), "connect");
    }
    askAgain();
  }
  void askAgain() {
    while (::send(fd_.get(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  // Whether the echo came, as opposed to the end of the connection.
  bool served() {
    char byte = 0;
    ssize_t n = 0;
    do {
      n = ::recv(fd_.get(), &byte, 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) throw std::runtime_error("a client neither served nor closed");
    return n == 1;
  }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

class ServerShortage : public ServerFixture {
 protected:
  static constexpr int kRoom = 5;

  // A server that can hold kRoom connections.
  void serveWithFewDescriptors() {
    serve([this](TcpServer& server) {
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
        connection->send(buffer);
      });
      // One more: the descriptor that it keeps in reserve. Lowered before it listens, since the
      // kernel may take the limit of the moment at which accepting is asked for.
      few_ = std::make_unique<FewDescriptors>(kRoom + 1);
    });
  }

  const LogCapture log_;
  std::unique_ptr<FewDescriptors> few_;
};

TEST_P(ServerShortage, OfDescriptorsServesThoseItHasAndClosesTheOthers) {
  std::vector<EarlyPeer> peers(30);
  serveWithFewDescriptors();
  for (EarlyPeer& peer : peers) peer.ask(address());
  std::vector<EarlyPeer*> served;
  for (EarlyPeer& peer : peers) {
    if (peer.served()) served.push_back(&peer);
  }
  EXPECT_EQ(served.size(), static_cast<std::size_t>(kRoom));
  EXPECT_EQ(server().connectionCount(), static_cast<std::size_t>(kRoom));
  for (int round = 0; round < 10; ++round) {
    for (EarlyPeer* peer : served) {
      peer->askAgain();
      EXPECT_TRUE(peer->served());
    }
  }
  EXPECT_GE(log_.count("can't accept on " + address().toIpPort()), 1U);
  const ServerStats stats = server().stats();
  EXPECT_EQ(stats.accepted, static_cast<std::uint64_t>(kRoom));
  EXPECT_EQ(stats.refused.total(), peers.size() - static_cast<std::size_t>(kRoom));
  EXPECT_GT(stats.refused.shed, 0U);
  EXPECT_GT(stats.acceptErrors, 0U);
}

TEST_P(ServerShortage, OfDescriptorsDoesNotSpin) {
  std::vector<EarlyPeer> peers(20);
  std::vector<EarlyPeer> late(10);
  serveWithFewDescriptors();
  for (EarlyPeer& peer : peers) peer.ask(address());
  for (EarlyPeer& peer : peers) static_cast<void>(peer.served());
  for (EarlyPeer& peer : late) peer.ask(address());
  const PollerStats spent = statsOfTicks(20, 10ms);
  // A few a tick, instead of thousands.
  EXPECT_LT(spent.waits, 400U);
  EXPECT_LT(spent.accepts, 400U);
}

TEST_P(ServerShortage, OfDescriptorsEndsWhenOneComesFree) {
  std::vector<EarlyPeer> peers(15);
  std::vector<EarlyPeer> late(60);
  serveWithFewDescriptors();
  for (EarlyPeer& peer : peers) peer.ask(address());
  std::vector<EarlyPeer*> served;
  for (EarlyPeer& peer : peers) {
    if (peer.served()) served.push_back(&peer);
  }
  ASSERT_GE(served.size(), 2U);
  std::size_t next = 0;
  for (EarlyPeer* leaving : {served[0], served[1]}) {
    leaving->close();
    // The server may need a moment to see it: until then it turns others away.
    bool replaced = false;
    while (!replaced && next < late.size()) {
      late[next].ask(address());
      replaced = late[next++].served();
    }
    EXPECT_TRUE(replaced);
  }
}

TEST_P(ServerShortage, OfDescriptorsEndsWhenTheLimitIsRaised) {
  std::vector<EarlyPeer> peers(15);
  std::vector<EarlyPeer> late(30);
  serveWithFewDescriptors();
  for (EarlyPeer& peer : peers) peer.ask(address());
  for (EarlyPeer& peer : peers) static_cast<void>(peer.served());
  few_.reset();
  std::size_t served = 0;
  for (EarlyPeer& peer : late) {
    peer.ask(address());
    if (peer.served()) ++served;
  }
  // Those that came while it paused may have met the old limit.
  EXPECT_GT(served, 0U);
}

TEST_P(ServerShortage, DoesNotKeepTheServerFromEnding) {
  std::vector<EarlyPeer> peers(20);
  serveWithFewDescriptors();
  for (EarlyPeer& peer : peers) peer.ask(address());
  Mailbox<int> done;
  server().stop(1ms, [&done] { done.put(1); });
  done.take();
}

TERN_ON_EACH_POLLER(ServerShortage);

}  // namespace
}  // namespace tern::testing
