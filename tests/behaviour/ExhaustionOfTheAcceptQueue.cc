// ExhaustionOfTheAcceptQueue: more clients than a listener's queue holds, while nobody accepts:
// those connected are served, and all is well again by itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/OwnNetwork.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class ExhaustionOfTheAcceptQueue : public ServerFixture {
 protected:
  // Clients that ask, whether or not they are answered.
  void crowd(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (::connect(fd.get(), address().sockAddr(), address().sockAddrLength()) != 0) {
        EXPECT_EQ(errno, EINPROGRESS);
      }
      crowd_.push_back(std::move(fd));
    }
  }

  static bool isConnected(const UniqueFd& fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    return ::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
  }

  static void expectServed(Peer& peer) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }

  std::vector<UniqueFd> crowd_;
};

TEST_P(ExhaustionOfTheAcceptQueue, LeavesThoseConnectedServedAndEndsWithIt) {
  const std::string refusal = runInOwnNetwork({{"core/somaxconn", "4"}}, [&] {
    serve([](TcpServer& server) {
      server.setThreadNum(1);
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
        connection->send(buffer);
      });
    });
    Peer early(address());
    expectServed(early);
    std::vector<UniqueFd> queued;
    {
      // The loop that accepts does not come to it; the one that serves does.
      const LoopHold hold(loop());
      crowd(30);
      expectServed(early);
      for (UniqueFd& fd : crowd_) {
        if (isConnected(fd)) queued.push_back(std::move(fd));
      }
      EXPECT_LT(queued.size(), crowd_.size());
      EXPECT_GT(queued.size(), 0U);
      // The others would try again in a second.
      crowd_.clear();
    }
    for (UniqueFd& fd : queued) {
      ::fcntl(fd.get(), F_SETFL, 0);  // a peer waits
      Peer peer(std::move(fd));
      expectServed(peer);
    }
    Peer late(address());
    expectServed(late);
    expectServed(early);
    stop();
  });
  if (!refusal.empty()) GTEST_SKIP() << refusal;
}

TERN_ON_EACH_POLLER(ExhaustionOfTheAcceptQueue);

}  // namespace
}  // namespace tern::testing
