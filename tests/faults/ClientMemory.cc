// ClientMemory: whichever allocation of a client's life is refused, it connects again by itself.
#include "ShortOfMemory.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "support/Descriptors.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr RetryPolicy kQuick{1ms, 2ms};

class ClientMemory : public ShortOfMemory {
 protected:
  // Whether there was memory enough to begin with.
  bool connect() {
    try {
      client_.emplace(&loop_, listener_->address(), "test");
      client_->setRetry(kQuick);
      client_->setIdleTimeout(1h);
      client_->setConnectionCallback([this](const TcpConnectionPtr& connection) {
        (connection->connected() ? ups_ : downs_) += 1;
      });
      client_->setMessageCallback(
          [](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
            try {
              connection->send(buffer);
            } catch (const std::bad_alloc&) {
              connection->forceClose();
            }
          });
      client_->setConnectErrorCallback([this](std::error_code, std::optional<Duration> retryIn) {
        retries_ += retryIn ? 1 : 0;
      });
      client_->connect();
      return true;
    } catch (const std::bad_alloc&) {
      client_.reset();
      return false;
    }
  }

  // The peers of those connections that wait; each is sent a word.
  void accept() {
    withMemory([this] {
      while (listener_->hasClient()) {
        peers_.push_back(listener_->accept());
        peers_.back().sendNow("ping");
      }
    });
  }

  bool echoed() {
    for (const Peer& peer : peers_) {
      char block[8];
      if (::recv(peer.fd(), block, sizeof block, MSG_DONTWAIT) > 0) return true;
    }
    return false;
  }

  // Until that holds. Once memory has been refused it may never: a few milliseconds must do.
  template <class Condition>
  void await(Condition&& condition) {
    const Timestamp end = Clock::now() + kPatience;
    for (int left = 5; left > 0 && !condition() && Clock::now() < end;) {
      runFor(1ms);
      if (refusal_ && refusal_->refused() > 0) --left;
    }
  }

  // Refused, connected, spoken to, lost, and connected again, as far as there is memory for it.
  void live() {
    const int retries = retries_;
    await([&] { return retries_ > retries; });
    withMemory([this] { listener_->listen(); });
    const int ups = ups_;
    await([&] {
      accept();
      return echoed();
    });
    withMemory([this] {
      for (Peer& peer : peers_) peer.reset();
      peers_.clear();
    });
    await([&] {
      accept();
      return ups_ >= ups + 2;
    });
    turns(3);
  }

  void expectThatItConnects() {
    runUntil(loop_, [this] {
      accept();
      return echoed();
    });
  }

  void endAll() {
    client_.reset();
    peers_.clear();
    EXPECT_EQ(ups_, downs_);
    turns(5);
  }

  // then() is told whether there was memory enough to begin with.
  template <class Then>
  void liveAnd(Then&& then) {
    withMemory([this] { listener_.emplace(); });
    const bool lives = connect();
    if (lives) live();
    then(lives);
  }

  std::optional<PeerListener> listener_;
  std::optional<TcpClient> client_;
  std::vector<Peer> peers_;
  std::optional<HeapRefusal> refusal_;
  int ups_ = 0;
  int downs_ = 0;
  int retries_ = 0;
};

TEST_P(ClientMemory, EachAllocationOfItsLifeMayBeRefused) {
  const auto recover = [this](bool lives) {
    if (lives) expectThatItConnects();
    endAll();
  };
  liveAnd(recover);  // what is kept from now on for the next one is there
  EXPECT_GE(ups_, 2);
  listener_.reset();
  const std::set<int> before = openDescriptors();
  std::size_t place = 0;
  for (;; ++place) {
    SCOPED_TRACE("allocation " + std::to_string(place));
    std::size_t refused = 0;
    refusal_.emplace(place, 1);
    liveAnd([&](bool lives) {
      refused = refusal_->refused();
      refusal_.reset();
      recover(lives);
    });
    if (refused == 0 || HasFailure()) break;
  }
  EXPECT_GT(place, 10U);
  EXPECT_GT(retries_, 0);
  listener_.reset();
  EXPECT_EQ(openDescriptors(), before);
  std::cout << place << " allocations\n";
}

TEST_P(ClientMemory, WithoutAnyForAWhileItRecovers) {
  liveAnd([this](bool) { endAll(); });
  for (std::size_t spared = 0; spared < 60; ++spared) {
    SCOPED_TRACE("after " + std::to_string(spared));
    refusal_.emplace(spared);
    liveAnd([&](bool lives) {
      refusal_.reset();
      if (lives) expectThatItConnects();
      endAll();
    });
    if (HasFailure()) break;
  }
}

TEST_P(ClientMemory, TheClientMayEndWithoutAny) {
  for (std::size_t spared = 0; spared < 60; ++spared) {
    SCOPED_TRACE("after " + std::to_string(spared));
    refusal_.emplace(spared);
    liveAnd([&](bool) { client_.reset(); });
    refusal_.reset();
    endAll();
    if (HasFailure()) break;
  }
}

TERN_ON_EACH_POLLER(ClientMemory);

// The user hears of it, who could not be thrown at.
class ClientMemoryOnThreads : public OnEachPoller {};

TEST_P(ClientMemoryOnThreads, AConnectThatTheLoopHasNoneForIsReported) {
  LoopThread thread(GetParam().spec);
  PeerListener listener;
  listener.listen();
  Mailbox<std::error_code> failures;
  Mailbox<bool> ups;
  TcpClient client(&thread.loop(), listener.address(), "test");
  client.setRetry(kQuick);
  client.setConnectErrorCallback([&](std::error_code error, std::optional<Duration> retryIn) {
    EXPECT_FALSE(retryIn);
    failures.put(error);
  });
  client.setConnectionCallback([&](const TcpConnectionPtr& connection) {
    if (connection->connected()) ups.put(true);
  });
  std::optional<HeapRefusal> refusal;
  {
    const LoopHold hold(thread.loop());
    thread.loop().queueInLoop([&] { refusal.emplace(); });
    client.connect();
    thread.loop().queueInLoop([&] { refusal.reset(); });
  }
  EXPECT_EQ(failures.take(), std::errc::not_enough_memory);
  client.connect();
  ups.take();
}

TERN_ON_EACH_POLLER(ClientMemoryOnThreads);

}  // namespace
}  // namespace tern::testing

#endif
