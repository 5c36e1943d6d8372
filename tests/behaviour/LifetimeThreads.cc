// LifetimeThreads: a server on four loops that ends with a thousand busy connections, while other
// threads send to them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using Option = TcpServer::Option;

class LifetimeThreads : public ServerFixture {
 protected:
  ~LifetimeThreads() override { endThreads(); }

  // Each connection sends its peer's bytes back; the peers and two threads of the server's send
  // from now on.
  void serveACrowd(Option option) {
    serve(
        [this](TcpServer& server) {
          server.setThreadNum(4);
          server.setMessageCallback(
              [this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
                ++messages_;
                connection->send(buffer);
              });
        },
        option);
    // select() can't watch more.
    const int count = GetParam().name == "select" ? 200 : 1'000;
    for (int i = 0; i < count; ++i) peers_.push_back(std::make_unique<Peer>(address()));
    for (int i = 0; i < count; ++i) connections_.push_back(accepted());
    for (std::size_t half : {0U, 1U}) {
      threads_.emplace_back([this, half] { driveHalfOfThePeers(half); });
      threads_.emplace_back([this] { sendToAll(); });
    }
    ASSERT_TRUE(eventually([this, count] { return messages_ > 2 * count; }));
  }

  void endThreads() {
    ended_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void expectTheEndOfAll() {
    endThreads();
    downs().awaitTotal(connections_.size());
    for (const TcpConnectionPtr& connection : connections_) {
      EXPECT_TRUE(connection->disconnected());
    }
    for (const auto& peer : peers_) peer->receiveUntilEnd();
    EXPECT_EQ(downs().total(), connections_.size());
  }

 private:
  void driveHalfOfThePeers(std::size_t half) {
    std::array<char, 4096> block{};
    while (!ended_) {
      for (std::size_t i = half; i < peers_.size() && !ended_; i += 2) {
        peers_[i]->sendNow("from a peer");
        ::recv(peers_[i]->fd(), block.data(), block.size(), MSG_DONTWAIT);
      }
    }
  }

  void sendToAll() {
    while (!ended_) {
      for (const TcpConnectionPtr& connection : connections_) connection->send("from a thread");
      std::this_thread::yield();
    }
  }

  std::atomic<int> messages_{0};
  std::atomic<bool> ended_{false};
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<TcpConnectionPtr> connections_;
  std::vector<std::thread> threads_;
};

TEST_P(LifetimeThreads, AServerIsDestroyedWithAThousandBusyConnections) {
  serveACrowd(Option::kNoReusePort);
  stopServer();
  expectTheEndOfAll();
}

TEST_P(LifetimeThreads, AServerWithAListenerALoopIsDestroyedWithAThousandBusyConnections) {
  serveACrowd(Option::kReusePort);
  stopServer();
  expectTheEndOfAll();
}

TEST_P(LifetimeThreads, AServerStopsWithAThousandBusyConnections) {
  serveACrowd(Option::kNoReusePort);
  Mailbox<bool> done;
  server().stop(1ms, [&done] { done.put(true); });
  done.take();
  expectTheEndOfAll();
}

TERN_ON_EACH_POLLER(LifetimeThreads);

}  // namespace
}  // namespace tern::testing
