// TcpBrokenPipe: whoever sends to a peer that is gone gets an error, and the process no signal; nor
// is its way with signals changed. Over a Unix-domain socket, where the first send() finds out.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpBrokenPipe : public ServerFixture {
 protected:
  TcpBrokenPipe() {
    listenAddress = SocketAddress::unixAbstract("tern-pipe-" + std::to_string(::getpid()) + "-" +
                                                GetParam().name);
    raised_ = 0;
    struct sigaction count{};
    count.sa_handler = note;
    ::sigaction(SIGPIPE, &count, &before_);
  }
  ~TcpBrokenPipe() override { ::sigaction(SIGPIPE, &before_, nullptr); }

  static bool isNoted() {
    struct sigaction now{};
    return ::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == note;
  }

  static inline std::atomic<int> raised_ = 0;

 private:
  static void note(int /*signal*/) { ++raised_; }

  struct sigaction before_{};
};

TEST_P(TcpBrokenPipe, IsAnErrorAndNoSignal) {
  const std::vector<std::function<void(TcpConnection&)>> sends{
      [](TcpConnection& connection) { connection.send("small"); },
      [](TcpConnection& connection) { connection.send(std::string(200'000, 'x')); },
      [](TcpConnection& connection) {
        for (int i = 0; i < 3; ++i) {
          connection.send(std::make_shared<const std::string>(100'000, 'x'));
        }
      }};
  serveEcho();
  for (const auto& send : sends) {
    Peer peer(address());
    const TcpConnectionPtr connection = accepted();
    runOnLoop([&] {
      peer.close();
      send(*connection);
    });
    EXPECT_EQ(closed().reason, std::errc::broken_pipe);
  }
  EXPECT_EQ(raised_, 0);
  EXPECT_TRUE(isNoted());
}

TERN_ON_EACH_POLLER(TcpBrokenPipe);

}  // namespace
}  // namespace tern::testing
