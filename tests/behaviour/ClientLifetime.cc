// ClientLifetime: clients destroyed in every state, from the loop, from other threads, and in their
// own callbacks. That no callback comes late is checked by the fixture.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "support/ClientFixture.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ClientLifetime : public ClientFixture {};

TEST_P(ClientLifetime, EndsBeforeItHasConnected) {
  makeClient();
  endClient();
}

TEST_P(ClientLifetime, EndsWhileItConnects) {
  listener.listen();
  {
    const LoopHold hold(loop());
    makeClient().connect();
    loop().queueInLoop([this] { endClient(); });
  }
  runOnLoop([] {});
  EXPECT_EQ(ups.total(), 0U);
}

TEST_P(ClientLifetime, EndsOnAnotherThreadWhileItConnects) {
  listener.listen();
  for (int i = 0; i < 20; ++i) {
    TcpClient brief(&loop(), listener.address(), "brief");
    brief.connect();
  }
}

TEST_P(ClientLifetime, EndsWhileItWaitsToTryAgain) {
  makeClient([](TcpClient& client) { client.setRetry({1ms, 1ms}); }).connect();
  failures.awaitTotal(2);
  endClient();
  const std::size_t soFar = failures.total();
  Mailbox<bool> over;
  loop().runAfter(10ms, [&] { over.put(true); });
  over.take();
  EXPECT_EQ(failures.total(), soFar);
}

TEST_P(ClientLifetime, EndsWhileConnectedWithOneLastCallback) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  endClient();
  EXPECT_EQ(downs.total(), 1U);
  EXPECT_TRUE(connection->disconnected());
  EXPECT_EQ(server.receiveUntilEof(), "");
  connection->send("into the void");
}

TEST_P(ClientLifetime, EndsOnItsLoopWhileConnected) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  ups.take();
  endClientOnLoop();
  EXPECT_EQ(downs.total(), 1U);
  EXPECT_EQ(server.receiveUntilEof(), "");
}

TEST_P(ClientLifetime, EndsWhileItDrains) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  ups.take();
  client().disconnect();
  EXPECT_EQ(server.receiveUntilEof(), "");
  endClient();
  EXPECT_EQ(downs.total(), 1U);
}

TEST_P(ClientLifetime, EndsInTheCallbackThatTellsOfTheConnection) {
  onUp = [this](const TcpConnectionPtr&) { endClient(); };
  listener.listen();
  // The last callback comes within the end, so before the fixture counts it as late.
  makeClient().connect();
  Peer server = listener.accept();
  EXPECT_EQ(server.receiveUntilEof(), "");
  downs.awaitTotal(1);
  runOnLoop([] {});  // by then the callback has returned
}

TEST_P(ClientLifetime, EndsInAMessageCallback) {
  onMessage = [this] { endClient(); };
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  server.sendAll("the end");
  EXPECT_EQ(server.receiveUntilEnd().bytes, "");
  downs.awaitTotal(1);
  runOnLoop([] {});  // by then the callback has returned
}

TEST_P(ClientLifetime, EndsInTheCallbackThatTellsOfAFailure) {
  onConnectError = [this] { endClient(); };
  makeClient([](TcpClient& client) { client.setRetry({1ms, 1ms}); }).connect();
  failures.take();
  runOnLoop([] {});
  EXPECT_EQ(failures.total(), 1U);
}

TEST_P(ClientLifetime, EndsInItsLastCallback) {
  onDown = [this](const TcpConnectionPtr&) { endClient(); };
  listener.listen();
  makeClient([](TcpClient& client) { client.setRetry({1ms, 1ms}); }).connect();
  listener.accept().close();
  downs.awaitTotal(1);
  runOnLoop([] {});  // by then the callback has returned
}

TEST_P(ClientLifetime, EndsOnAnotherThreadWhileBytesStreamIn) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  std::thread sender([&] {
    const std::string block(1'000, 'x');
    while (server.sendNow(block) >= 0 || errno == EAGAIN) {
    }
  });
  received.awaitTotal(3);
  endClient();
  sender.join();
  EXPECT_EQ(downs.total(), 1U);
}

TEST_P(ClientLifetime, EndsWithTheLoopWhoseContextHoldsIt) {
  listener.listen();
  int lost = 0;
  {
    EventLoop own(GetParam().spec);
    auto held = std::make_shared<TcpClient>(&own, listener.address(), "held");
    held->setConnectionCallback([&](const TcpConnectionPtr& connection) {
      if (connection->connected()) {
        own.quit();
      } else {
        ++lost;
      }
    });
    held->connect();
    own.setContext(std::move(held));
    run(own);
    EXPECT_EQ(lost, 0);
  }
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(listener.accept().receiveUntilEof(), "");
}

TERN_ON_EACH_POLLER(ClientLifetime);

}  // namespace
}  // namespace tern::testing
