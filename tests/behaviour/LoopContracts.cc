// LoopContracts: a contract broken by the programmer aborts, and says which. These do not depend on
// the poller.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/EventLoopThread.h>
#include <tern/net/EventLoopThreadPool.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Channel.h>

#include <memory>
#include <optional>
#include <thread>

#include "support/Descriptors.h"

namespace tern::testing {
namespace {

class LoopContractsDeathTest : public ::testing::Test {
 protected:
  // Each death in a fresh process: other tests have had threads in this one.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LoopContractsDeathTest, TwoLoopsInOneThread) {
  EXPECT_DEATH(
      {
        const EventLoop first;
        const EventLoop second;
      },
      "a second EventLoop was made on a thread that has one");
}

TEST_F(LoopContractsDeathTest, LoopOnAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        std::thread([&loop] { loop.loop(); }).join();
      },
      "EventLoop::loop was called from a thread that does not own the loop; use runInLoop");
}

TEST_F(LoopContractsDeathTest, LoopWithinItself) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        loop.queueInLoop([&loop] { loop.loop(); });
        loop.loop();
      },
      "called from within itself");
}

TEST_F(LoopContractsDeathTest, LoopDestroyedByAnotherThread) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<EventLoop>();
        std::thread([&loop] { loop.reset(); }).join();
      },
      "~EventLoop was called from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, LoopDestroyedFromWithin) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<EventLoop>();
        loop->queueInLoop([&loop] { loop.reset(); });
        loop->loop();
      },
      "destroyed from within its own loop");
}

TEST_F(LoopContractsDeathTest, AssertInLoopThreadOnAnotherThread) {
  EXPECT_DEATH(
      {
        const EventLoop loop;
        std::thread([&loop] { loop.assertInLoopThread(); }).join();
      },
      "from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, ServerDestroyedByAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        auto server = std::make_unique<TcpServer>(&loop, SocketAddress(0, true), "test");
        std::thread([&server] { server.reset(); }).join();
      },
      "from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, ServerChangedAfterStart) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        TcpServer server(&loop, SocketAddress(0, true), "test");
        server.start();
        server.setThreadNum(2);
      },
      "a setting of TcpServer 'test' was changed after start");
}

TEST_F(LoopContractsDeathTest, ServersLoopsChangedAfterStart) {
  const auto change = [](void (*setting)(TcpServer&)) {
    EventLoop loop;
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.start();
    setting(server);
  };
  const char* const sentence = "a setting of TcpServer 'test' was changed after start";
  EXPECT_DEATH(change([](TcpServer& server) { server.setThreadInitCallback([](EventLoop*) {}); }),
               sentence);
  EXPECT_DEATH(change([](TcpServer& server) { server.setPollerSpec(PollerKind::kPoll); }),
               sentence);
  EXPECT_DEATH(
      change([](TcpServer& server) { server.setBalance(TcpServer::Balance::kLeastConnections); }),
      sentence);
}

TEST_F(LoopContractsDeathTest, ChannelUsedOnAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        const UniqueFd fd = makeEventFd();
        Channel channel(loop.poller(), fd.get());
        std::thread([&channel] { channel.enableReading(); }).join();
      },
      "Channel::setInterest was called from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, ChannelMadeOnAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        const UniqueFd fd = makeEventFd();
        std::thread([&] { const Channel channel(loop.poller(), fd.get()); }).join();
      },
      "a Channel's constructor was called from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, ChannelDestroyedOnAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        const UniqueFd fd = makeEventFd();
        auto channel = std::make_unique<Channel>(loop.poller(), fd.get());
        std::thread([&channel] { channel.reset(); }).join();
      },
      "~Channel was called from a thread that does not own the loop");
}

TEST_F(LoopContractsDeathTest, LoopThreadStartedTwice) {
  EXPECT_DEATH(
      {
        EventLoopThread thread;
        thread.startLoop();
        thread.startLoop();
      },
      "EventLoopThread::startLoop\\(\\) was called twice");
}

TEST_F(LoopContractsDeathTest, LoopThreadPoolStartedTwice) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        EventLoopThreadPool pool(loop, "pool");
        pool.start();
        pool.start();
      },
      "a loop thread pool was started twice");
}

}  // namespace
}  // namespace tern::testing
