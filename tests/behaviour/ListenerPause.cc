// ListenerPause: a listener that is paused hands nothing out, and loses nothing either.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/net/SocketAddress.h>
#include <tern/poller/Listener.h>
#include <tern/poller/Poller.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"

namespace tern::testing {
namespace {

class ListenerPause : public OnEachPoller, protected ListenerHandler {
 protected:
  void listen() {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress any(0, true);
    ASSERT_EQ(::bind(socket.get(), any.sockAddr(), any.sockAddrLength()), 0);
    ASSERT_EQ(::listen(socket.get(), 64), 0);
    address_ = SocketAddress::localOf(socket.get());
    // All are there before the first is accepted: a ring accepts them in one go.
    for (std::size_t i = 0; i < kPeers; ++i) peers_.push_back(std::make_unique<Peer>(*address_));
    listener_ = loop_.poller().openListener(std::move(socket), *this);
  }

  void onAccept(UniqueFd fd) override {
    if (pauses_) listener_->pause();
    accepted_.push_back(std::move(fd));
    if (throws_) throw std::runtime_error("the handler's");
  }
  void onAcceptError(std::error_code error) override { ADD_FAILURE() << error.message(); }

  void runUntilAccepted(std::size_t count) {
    runUntil(loop_, [&] { return accepted_.size() >= count; });
    runTurns(loop_, 10);
  }
  /// In the order in which they came.
  void expectAccepted(std::size_t count) {
    ASSERT_EQ(accepted_.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(SocketAddress::peerOf(accepted_[i].get()), peers_[i]->localAddress());
    }
  }

  static constexpr std::size_t kPeers = 5;
  EventLoop loop_{GetParam().spec};
  std::unique_ptr<Listener> listener_;
  std::optional<SocketAddress> address_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<UniqueFd> accepted_;
  bool pauses_ = false;
  bool throws_ = false;
};

TEST_P(ListenerPause, InItsCallbackMakesThatTheLast) {
  pauses_ = true;
  ASSERT_NO_FATAL_FAILURE(listen());
  runUntilAccepted(1);
  expectAccepted(1);
}

TEST_P(ListenerPause, IsFollowedByTheOthersInOrderOneAResumption) {
  pauses_ = true;
  ASSERT_NO_FATAL_FAILURE(listen());
  runUntilAccepted(1);
  for (std::size_t count = 2; count <= kPeers; ++count) {
    listener_->resume();
    runUntilAccepted(count);
    ASSERT_NO_FATAL_FAILURE(expectAccepted(count));
  }
}

TEST_P(ListenerPause, IsFollowedByAllTheOthersWhenTheyAreWanted) {
  pauses_ = true;
  ASSERT_NO_FATAL_FAILURE(listen());
  runUntilAccepted(1);
  pauses_ = false;
  listener_->resume();
  runUntilAccepted(kPeers);
  expectAccepted(kPeers);
}

TEST_P(ListenerPause, IsFollowedByAllTheOthersThoughTheHandlerThrows) {
  pauses_ = true;
  ASSERT_NO_FATAL_FAILURE(listen());
  runUntilAccepted(1);
  pauses_ = false;
  throws_ = true;
  listener_->resume();
  for (std::size_t thrown = 1; thrown < kPeers; ++thrown) {
    EXPECT_THROW(runUntilAccepted(kPeers + 1), std::runtime_error);
  }
  expectAccepted(kPeers);
}

TEST_P(ListenerPause, TakenBackAtOnceChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(listen());
  listener_->pause();
  listener_->resume();
  runUntilAccepted(kPeers);
  expectAccepted(kPeers);
}

TEST_P(ListenerPause, ThatIsTheEndClosesThoseNobodyGot) {
  pauses_ = true;
  ASSERT_NO_FATAL_FAILURE(listen());
  runUntilAccepted(1);
  listener_.reset();
  runTurns(loop_, 10);
  for (std::size_t i = 1; i < kPeers; ++i) EXPECT_EQ(peers_[i]->receiveUntilEnd().bytes, "");
  expectAccepted(1);
}

TERN_ON_EACH_POLLER(ListenerPause);

}  // namespace
}  // namespace tern::testing
