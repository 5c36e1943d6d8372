// LifetimeFork: a process that forks while it serves. Whatever the child does with what it
// inherits, other than to use it, the parent's connections go on, and end when the parent ends
// them.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

// Runs the body in a child, which may tell by a byte that it has come so far; killed at the end.
class Child {
 public:
  explicit Child(const std::function<void(int tellFd)>& body) {
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no fork");
    if (pid_ != 0) return;
    body(told_.writer.get());
    ::_exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  void end() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  // What it tells, once it does.
  std::string await() const {
    std::string words;
    if (!eventually([&] { return !(words = readFrom(told_.reader)).empty(); })) {
      throw std::runtime_error("a child does not get there");
    }
    return words;
  }

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  Pipe told_;
  pid_t pid_ = -1;
};

void tell(int fd, std::string_view words) {
  if (::write(fd, words.data(), words.size()) < 0) ::_exit(1);
}

[[noreturn]] void stayForever() {
  for (;;) ::pause();
}

class LifetimeFork : public ServerFixture {
 protected:
  static constexpr std::size_t kPeers = 16;

  void serveSome() {
    serveEcho();
    for (std::size_t i = 0; i < kPeers; ++i) {
      peers_.push_back(std::make_unique<Peer>(address()));
      connections_.push_back(accepted());
    }
    expectServed();
  }

  void expectServed() {
    for (const auto& peer : peers_) peer->sendAll("ping");
    for (const auto& peer : peers_) EXPECT_EQ(peer->receiveExactly(4), "ping");
  }

  void expectNewcomersAreServed() {
    peers_.push_back(std::make_unique<Peer>(address()));
    connections_.push_back(accepted());
    expectServed();
  }

  // Each side may end a connection, in either way, and the other learns of it.
  void expectEndsArrive() {
    connections_[0]->shutdown();
    EXPECT_EQ(peers_[0]->receiveUntilEof(), "");
    connections_[1]->forceClose();
    EXPECT_EQ(peers_[1]->receiveUntilEof(), "");
    peers_[2]->close();
    peers_[3]->reset();
    peers_[0]->close();
    downs().awaitTotal(4);
    peers_.erase(peers_.begin(), peers_.begin() + 4);
    expectServed();
  }

  // The port is free again, and peers see the end of the server.
  void expectTheEndArrives() {
    stop();
    for (const auto& peer : peers_) EXPECT_EQ(peer->receiveUntilEnd().bytes, "");
    listenAddress = address();
    serveEcho();
    Peer peer(address());
    peer.sendAll("again");
    EXPECT_EQ(peer.receiveExactly(5), "again");
  }

  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<TcpConnectionPtr> connections_;
};

TEST_P(LifetimeFork, ChildrenThatEndDisturbNoConnection) {
  serveSome();
  for (int i = 0; i < 10; ++i) {
    Child child([](int) {});
    expectServed();
    EXPECT_EQ(child.wait(), 0);
    expectServed();
  }
  expectNewcomersAreServed();
  expectEndsArrive();
  expectTheEndArrives();
}

TEST_P(LifetimeFork, AChildThatClosesAllItInheritedDisturbsNoConnection) {
  serveSome();
  Child child([](int told) {
    ::close_range(3, static_cast<unsigned>(told) - 1, 0);
    ::close_range(static_cast<unsigned>(told) + 1, ~0U, 0);
    tell(told, "closed");
    stayForever();
  });
  EXPECT_EQ(child.await(), "closed");
  expectNewcomersAreServed();
  expectEndsArrive();
  expectTheEndArrives();
}

TEST_P(LifetimeFork, AProgramThatItStartsDisturbsNoConnection) {
  serveSome();
  const Process program("/bin/sleep", {{"3600"}, {}, {}});
  expectNewcomersAreServed();
  expectEndsArrive();
  expectTheEndArrives();
}

// What it holds open does not end before it does. All else goes on, and nothing spins.
TEST_P(LifetimeFork, AChildThatKeepsAllItInheritedDelaysNoMoreThanForcedEnds) {
  serveSome();
  Child child([](int told) {
    tell(told, "here");
    stayForever();
  });
  EXPECT_EQ(child.await(), "here");
  expectNewcomersAreServed();
  connections_[0]->shutdown();
  EXPECT_EQ(peers_[0]->receiveUntilEof(), "");
  connections_[1]->forceClose();
  EXPECT_EQ(closed().connection, connections_[1]);
  // For the parent this one is over, whatever still comes for it.
  peers_[1]->sendAll("to nobody");
  EXPECT_LT(statsOfTicks(10, 5ms).waits, 400U);
  stop();
  child.end();
  for (const auto& peer : peers_) EXPECT_EQ(peer->receiveUntilEnd().bytes, "");
}

TEST_P(LifetimeFork, AChildMayServeOnALoopOfItsOwn) {
  serveSome();
  Child child([](int told) {
    EventLoop loop(GetParam().spec);
    TcpServer server(&loop, SocketAddress(0, true), "child");
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send("the child's " + buffer->retrieveAllAsString());
    });
    server.start();
    tell(told, server.ipPort());
    loop.loop();
  });
  Peer peer(SocketAddress::parse(child.await()));
  for (int i = 0; i < 10; ++i) {
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(16), "the child's ping");
    expectServed();
  }
  expectNewcomersAreServed();
}

TERN_ON_EACH_POLLER(LifetimeFork);

}  // namespace
}  // namespace tern::testing
