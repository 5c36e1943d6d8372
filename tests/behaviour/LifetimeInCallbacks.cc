// LifetimeInCallbacks: everything may be ended in every kind of callback. Each case of the matrix
// is one end in one callback; the sanitizers watch, and each connection still goes down exactly
// once.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Channel.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

enum class Where : unsigned char {
  kUp,
  kDown,
  kMessage,
  kWriteComplete,
  kHalfClose,
  kHighWaterMark,
  kLowWaterMark,
  kChannel,
  kTimer,
  kFunctor,
  kTurnEnd,
};
constexpr std::array kWhere{
    std::pair(Where::kUp, "Up"),
    std::pair(Where::kDown, "Down"),
    std::pair(Where::kMessage, "Message"),
    std::pair(Where::kWriteComplete, "WriteComplete"),
    std::pair(Where::kHalfClose, "HalfClose"),
    std::pair(Where::kHighWaterMark, "HighWaterMark"),
    std::pair(Where::kLowWaterMark, "LowWaterMark"),
    std::pair(Where::kChannel, "Channel"),
    std::pair(Where::kTimer, "Timer"),
    std::pair(Where::kFunctor, "Functor"),
    std::pair(Where::kTurnEnd, "TurnEnd"),
};

enum class End : unsigned char {
  kForceClose,
  kSendAndShutdown,
  kForceCloseSibling,
  kForceCloseAll,
  kDestroyServer,
  kStopServer,
  kDestroyChannel,
  kCancelTimer,
};
constexpr std::array kEnd{
    std::pair(End::kForceClose, "ForceClose"),
    std::pair(End::kSendAndShutdown, "SendAndShutdown"),
    std::pair(End::kForceCloseSibling, "ForceCloseSibling"),
    std::pair(End::kForceCloseAll, "ForceCloseAll"),
    std::pair(End::kDestroyServer, "DestroyServer"),
    std::pair(End::kStopServer, "StopServer"),
    std::pair(End::kDestroyChannel, "DestroyChannel"),
    std::pair(End::kCancelTimer, "CancelTimer"),
};

template <class List>
std::vector<typename List::value_type::first_type> valuesOf(const List& list) {
  std::vector<typename List::value_type::first_type> values;
  for (const auto& [value, name] : list) values.push_back(value);
  return values;
}

template <class List, class Value>
std::string nameIn(const List& list, Value value) {
  for (const auto& [each, name] : list) {
    if (each == value) return name;
  }
  return "unknown";
}

using Case = std::tuple<PollerCase, Where, End>;

class LifetimeInCallbacks : public ::testing::TestWithParam<Case> {
 protected:
  LifetimeInCallbacks() {
    channel_ = std::make_unique<Channel>(loop_->poller(), event_.get());
    channel_->setReadCallback([this](Timestamp) {
      ++channelCalls_;
      readFrom(event_);
      reached(Where::kChannel);
    });
    channel_->enableReading();
    timer_ = loop_->runEvery(1ms, [this] { ++timerCalls_; });
    server_ = std::make_unique<TcpServer>(loop_.get(), SocketAddress(0, true), "test");
    configure(*server_);
    server_->start();
  }

  void configure(TcpServer& server) {
    server.setConnectionCallback(
        [this](const TcpConnectionPtr& connection) { changed(connection); });
    server.setMessageCallback(
        [this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
          buffer->retrieveAll();
          connection->send(std::string(std::size_t{64} * 1024, 'x'));
          reached(Where::kMessage);
        });
    server.setWriteCompleteCallback(
        [this](const TcpConnectionPtr&) { reached(Where::kWriteComplete); });
    if (where() == Where::kHalfClose) {
      server.setHalfCloseCallback([this](const TcpConnectionPtr&) { reached(Where::kHalfClose); });
    }
    server.setHighWaterMarkCallback(
        [this](const TcpConnectionPtr&, std::size_t) { reached(Where::kHighWaterMark); }, 1000);
    server.setLowWaterMarkCallback(
        [this](const TcpConnectionPtr&, std::size_t) { reached(Where::kLowWaterMark); }, 100);
  }

  void changed(const TcpConnectionPtr& connection) {
    if (connection->disconnected()) {
      ++downs_;
      if (connection == subject_) reached(Where::kDown);
    } else if (++ups_ == 1) {
      sibling_ = connection;
    } else {
      subject_ = connection;
      reached(Where::kUp);
    }
  }

  // The one moment of the case.
  void reached(Where here) {
    if (here != where() || std::exchange(acted_, true)) return;
    switch (end()) {
      case End::kForceClose:
        subject_->forceClose();
        break;
      case End::kSendAndShutdown:
        subject_->send("last words");
        subject_->shutdown();
        break;
      case End::kForceCloseSibling:
        sibling_->forceClose();
        break;
      case End::kForceCloseAll:
        subject_->forceClose();
        sibling_->forceClose();
        subject_->forceClose();
        break;
      case End::kDestroyServer:
        server_.reset();
        EXPECT_TRUE(subject_->disconnected());
        EXPECT_TRUE(sibling_->disconnected());
        break;
      case End::kStopServer:
        server_->stop(0s);
        break;
      case End::kDestroyChannel:
        channel_.reset();
        channelCalls_ = 0;
        break;
      case End::kCancelTimer:
        loop_->cancel(timer_);
        timerCalls_ = 0;
        break;
    }
  }

  void bringAbout(Peer& subject) {
    switch (where()) {
      case Where::kUp:
        break;
      case Where::kDown:
        subject.close();
        break;
      case Where::kMessage:
      case Where::kWriteComplete:
      case Where::kHighWaterMark:
      case Where::kLowWaterMark:
        subject.sendAll("x");
        break;
      case Where::kHalfClose:
        subject.shutdownWrite();
        break;
      case Where::kChannel:
        writeTo(event_, std::string("\1\0\0\0\0\0\0\0", 8));
        break;
      case Where::kTimer:
        loop_->runAfter(0s, [this] { reached(Where::kTimer); });
        break;
      case Where::kFunctor:
        loop_->queueInLoop([this] { reached(Where::kFunctor); });
        break;
      case Where::kTurnEnd:
        loop_->atTurnEnd(std::shared_ptr<void>(this, [](void*) {}), [](void* self) {
          static_cast<LifetimeInCallbacks*>(self)->reached(Where::kTurnEnd);
        });
        break;
    }
  }

  void expectEnd() {
    switch (end()) {
      case End::kForceClose:
        runUntil(*loop_, [this] { return subject_->disconnected(); });
        break;
      case End::kSendAndShutdown:
        EXPECT_FALSE(subject_->connected());
        break;
      case End::kForceCloseSibling:
        runUntil(*loop_, [this] { return sibling_->disconnected(); });
        break;
      case End::kForceCloseAll:
      case End::kDestroyServer:
      case End::kStopServer:
        runUntil(*loop_, [this] { return downs_ == 2; });
        break;
      case End::kDestroyChannel:
        if (where() != Where::kChannel) writeTo(event_, std::string("\1\0\0\0\0\0\0\0", 8));
        break;
      case End::kCancelTimer:
        break;
    }
    runTurns(*loop_, 5);
    if (end() == End::kDestroyChannel) {
      EXPECT_EQ(channelCalls_, 0);
    }
    if (end() == End::kCancelTimer) {
      EXPECT_EQ(timerCalls_, 0);
    }
  }

  [[nodiscard]] const PollerCase& poller() const { return std::get<0>(GetParam()); }
  [[nodiscard]] Where where() const { return std::get<1>(GetParam()); }
  [[nodiscard]] End end() const { return std::get<2>(GetParam()); }

  std::unique_ptr<EventLoop> loop_ = std::make_unique<EventLoop>(poller().spec);
  UniqueFd event_ = makeEventFd();
  std::unique_ptr<Channel> channel_;
  TimerId timer_;
  std::unique_ptr<TcpServer> server_;
  TcpConnectionPtr sibling_;
  TcpConnectionPtr subject_;
  int ups_ = 0;
  int downs_ = 0;
  int channelCalls_ = 0;
  int timerCalls_ = 0;
  bool acted_ = false;
};

TEST_P(LifetimeInCallbacks, EachEndIsClean) {
  const SocketAddress address = server_->address();
  Peer sibling(address);
  runUntil(*loop_, [this] { return sibling_ != nullptr; });
  Peer subject(address);
  runUntil(*loop_, [this] { return subject_ != nullptr; });
  bringAbout(subject);
  runUntil(*loop_, [this] { return acted_; });
  expectEnd();

  server_.reset();
  runTurns(*loop_, 3);
  EXPECT_EQ(ups_, 2);
  EXPECT_EQ(downs_, 2);
  channel_.reset();
  loop_.reset();
  // Nothing is left open.
  sibling.receiveUntilEnd();
  if (where() != Where::kDown) subject.receiveUntilEnd();
}

INSTANTIATE_TEST_SUITE_P(On, LifetimeInCallbacks,
                         ::testing::Combine(::testing::ValuesIn(everyPoller()),
                                            ::testing::ValuesIn(valuesOf(kWhere)),
                                            ::testing::ValuesIn(valuesOf(kEnd))),
                         [](const auto& testCase) {
                           return std::get<0>(testCase.param).name + "_" +
                                  nameIn(kEnd, std::get<2>(testCase.param)) + "In" +
                                  nameIn(kWhere, std::get<1>(testCase.param));
                         });

}  // namespace
}  // namespace tern::testing
