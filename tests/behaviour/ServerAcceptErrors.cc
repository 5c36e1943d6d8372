// ServerAcceptErrors: whatever accepting fails with, the listener survives and serves the next
// client. The errors come from a poller that makes them up, so one poller shows it for all.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <tern/net/Acceptor.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Listener.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/PlainPoller.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

// The script of one test: the errors to come, and what the acceptor did about them.
struct Script {
  std::deque<int> errors;
  int pauses = 0;
  int refusals = 0;  // how often the poller will not watch the listening socket
};

// Loses each connection to the next error of the script, until there are no more.
class FaultyListener final : public Listener, private ListenerHandler {
 public:
  FaultyListener(Script& script, ListenerHandler& handler) : script_(script), handler_(handler) {}
  void open(Poller& poller, UniqueFd fd) {
    inner_ = poller.Poller::openListener(std::move(fd), *this);
  }

  void pause() override {
    ++script_.pauses;
    inner_->pause();
  }
  void resume() override { inner_->resume(); }
  [[nodiscard]] int fd() const noexcept override { return inner_->fd(); }

 private:
  void onAccept(UniqueFd fd) override {
    if (script_.errors.empty()) {
      handler_.onAccept(std::move(fd));
      return;
    }
    const int error = script_.errors.front();
    script_.errors.pop_front();
    fd.reset();
    handler_.onAcceptError({error, std::system_category()});
  }
  void onAcceptError(std::error_code error) override { handler_.onAcceptError(error); }

  Script& script_;
  ListenerHandler& handler_;
  std::unique_ptr<Listener> inner_;
};

class FaultyPoller final : public PlainPoller {
 public:
  explicit FaultyPoller(Script& script) : script_(script) {}
  std::unique_ptr<Listener> openListener(UniqueFd fd, ListenerHandler& handler) override {
    auto listener = std::make_unique<FaultyListener>(script_, handler);
    listening_ = fd.get();
    listener->open(*this, std::move(fd));
    return listener;
  }
  void update(Channel& channel) override {
    if (channel.fd() == listening_ && script_.refusals > 0) {
      --script_.refusals;
      throw std::system_error(ENOMEM, std::system_category(), "a refusal of the script");
    }
    PlainPoller::update(channel);
  }

 private:
  Script& script_;
  int listening_ = -1;
};

class ServerAcceptErrors : public ::testing::Test {
 protected:
  ServerAcceptErrors() {
    server_.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server_.start();
  }

  // A client each for the errors of the script, and one that is served.
  void expectSurvival() {
    const std::size_t errors = script_.errors.size();
    for (std::size_t i = 0; i < errors; ++i) {
      Peer lost(server_.address());
      runUntil(loop_, [&] { return script_.errors.size() < errors - i; });
      EXPECT_EQ(lost.receiveUntilEnd().bytes, "");
    }
    EXPECT_EQ(server_.connectionCount(), 0U);
    Peer peer(server_.address());
    peer.sendAll("ping");
    runUntil(loop_, [&] { return server_.connectionCount() == 1; });
    runTurns(loop_, 5);
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }

  const LogCapture log_;
  Script script_;
  EventLoop loop_{PollerSpec([this] { return std::make_unique<FaultyPoller>(script_); }, "faulty")};
  TcpServer server_{&loop_, SocketAddress(0, true), "test"};
};

TEST_F(ServerAcceptErrors, OfOneConnectionArePassedOver) {
  script_.errors = {ECONNABORTED, EPROTO, EPERM,        ENETDOWN,     ENOPROTOOPT,
                    EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH,
                    ETIMEDOUT,    EINTR,  EAGAIN,       ECONNABORTED, ECONNABORTED};
  expectSurvival();
  EXPECT_EQ(script_.pauses, 0);
  EXPECT_EQ(log_.count("can't accept"), 0U);
}

TEST_F(ServerAcceptErrors, ThatLastMakeItPauseAndTryAgain) {
  script_.errors = {ENFILE, ENOBUFS, ENOMEM, EMFILE};
  expectSurvival();
  EXPECT_EQ(script_.pauses, 4);
  EXPECT_GE(log_.count("warn: can't accept on " + server_.ipPort()), 1U);
}

TEST_F(ServerAcceptErrors, NobodyThoughtOfMakeItPauseAndTryAgainToo) {
  script_.errors = {EIO, ENOSYS, EFAULT};
  expectSurvival();
  EXPECT_EQ(script_.pauses, 3);
}

TEST_F(ServerAcceptErrors, FollowedByAPollerThatRefusesToGoOnAreTriedAgainToo) {
  script_.errors = {EMFILE};
  script_.refusals = 2;
  expectSurvival();
  EXPECT_EQ(script_.refusals, 0);
  EXPECT_EQ(log_.count("a refusal of the script"), 2U);
}

TEST_F(ServerAcceptErrors, InAPauseDoNotKeepTheServerFromStopping) {
  script_.errors = {ENOMEM};
  const Peer lost(server_.address());
  runUntil(loop_, [this] { return script_.pauses == 1; });
  bool done = false;
  server_.stop(Duration::zero(), [&done] { done = true; });
  runUntil(loop_, [&done] { return done; });
  // Past the moment at which it would have tried again.
  bool passed = false;
  loop_.runAfter(std::chrono::milliseconds(60), [&passed] { passed = true; });
  runUntil(loop_, [&passed] { return passed; });
}

// An acceptor by itself, as servers of other kinds use it.
class ServerAcceptor : public OnEachPoller {};

TEST_P(ServerAcceptor, MayBeDestroyedInItsCallback) {
  EventLoop loop(GetParam().spec);
  auto acceptor = std::make_unique<Acceptor>(loop, SocketAddress(0, true));
  int accepted = 0;
  acceptor->setNewConnectionCallback([&](UniqueFd) {
    ++accepted;
    acceptor.reset();
  });
  acceptor->listen();
  EXPECT_TRUE(acceptor->listening());
  const SocketAddress address = acceptor->address();
  const Peer first(address);
  const Peer second(address);
  runUntil(loop, [&] { return accepted > 0; });
  runTurns(loop, 10);
  EXPECT_EQ(accepted, 1);
}

TEST_P(ServerAcceptor, HandsOutConnectedSocketsThatExecCloses) {
  EventLoop loop(GetParam().spec);
  Acceptor acceptor(loop, SocketAddress(0, true));
  UniqueFd accepted;
  acceptor.setNewConnectionCallback([&](UniqueFd fd) { accepted = std::move(fd); });
  acceptor.listen();
  const Peer peer(acceptor.address());
  runUntil(loop, [&] { return static_cast<bool>(accepted); });
  EXPECT_EQ(SocketAddress::peerOf(accepted.get()), peer.localAddress());
  EXPECT_NE(::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(ServerAcceptor, SurvivesClientsThatResetBeforeTheyAreAccepted) {
  EventLoop loop(GetParam().spec);
  Acceptor acceptor(loop, SocketAddress(0, true));
  std::vector<UniqueFd> accepted;
  acceptor.setNewConnectionCallback([&](UniqueFd fd) { accepted.push_back(std::move(fd)); });
  acceptor.listen();
  for (int i = 0; i < 20; ++i) Peer(acceptor.address()).reset();
  const Peer peer(acceptor.address());
  const auto isTheLast = [&](const UniqueFd& fd) {
    return SocketAddress::peerOf(fd.get()) == peer.localAddress();
  };
  runUntil(loop, [&] { return std::any_of(accepted.begin(), accepted.end(), isTheLast); });
}

TEST_P(ServerAcceptor, AStormIsAcceptedCompletely) {
  EventLoop loop(GetParam().spec);
  Acceptor acceptor(loop, SocketAddress(0, true));
  std::size_t accepted = 0;
  acceptor.setNewConnectionCallback([&](UniqueFd) { ++accepted; });
  acceptor.listen();
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 300; ++i) peers.push_back(std::make_unique<Peer>(acceptor.address()));
  runUntil(loop, [&] { return accepted == 300; });
}

TERN_ON_EACH_POLLER(ServerAcceptor);

}  // namespace
}  // namespace tern::testing
