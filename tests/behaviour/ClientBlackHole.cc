// ClientBlackHole: clients whose server says neither yes nor no: they can be ended, told to stop,
// and told to try again all the same. That no callback comes late is checked by the fixture.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/BlackHole.h"
#include "support/ClientFixture.h"
#include "support/Descriptors.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ClientBlackHole : public ClientFixture {
 protected:
  // A client that asks, and gets no answer.
  TcpClient& connectInVain(const std::function<void(TcpClient&)>& configure = {}) {
    TcpClient& client = makeClient(hole_.address(), configure);
    client.connect();
    runOnLoop([] {});  // by then it has begun
    return client;
  }

  static void giveUpSoon(TcpClient& client) { client.setConnectTimeout(2ms); }
  static void tryAgainAndAgain(TcpClient& client) {
    giveUpSoon(client);
    client.setRetry({1ms, 1ms});
  }

  BlackHole hole_;
};

TEST_P(ClientBlackHole, EndsOnAnotherThread) {
  connectInVain();
  endClient();
  EXPECT_EQ(failures.total(), 0U);
}

TEST_P(ClientBlackHole, EndsOnItsLoop) {
  connectInVain();
  endClientOnLoop();
  EXPECT_EQ(failures.total(), 0U);
}

TEST_P(ClientBlackHole, EndsInTheCallbackThatTellsOfTheTimeout) {
  onConnectError = [this] { endClient(); };
  connectInVain(tryAgainAndAgain);
  failures.take();
  runOnLoop([] {});  // by then the callback has returned
  EXPECT_EQ(failures.total(), 1U);
}

TEST_P(ClientBlackHole, EndsOnAnotherThreadBetweenAnyTwoTimeouts) {
  connectInVain(tryAgainAndAgain);
  failures.awaitTotal(3);
  endClient();
}

TEST_P(ClientBlackHole, EndsWithTheLoopWhoseContextHoldsIt) {
  EventLoop own(GetParam().spec);
  auto held = std::make_shared<TcpClient>(&own, hole_.address(), "held");
  held->setConnectErrorCallback([](std::error_code, std::optional<Duration>) { FAIL(); });
  held->connect();
  own.setContext(std::move(held));
  runTurns(own, 3);
}

TEST_P(ClientBlackHole, GivesItsDescriptorBackWhenItEnds) {
  runOnLoop([] {});
  const std::set<int> before = openDescriptors();
  connectInVain();
  EXPECT_EQ(openDescriptors().size(), before.size() + 1);
  endClient();
  // A poller may need a turn to let go of it.
  EXPECT_TRUE(eventually([&] {
    runOnLoop([] {});
    return openDescriptors() == before;
  }));
}

TEST_P(ClientBlackHole, DisconnectGivesUpWithoutAWord) {
  TcpClient& client = connectInVain(giveUpSoon);
  client.disconnect();
  runOnLoop([] {});
  const std::size_t soFar = failures.total();
  Mailbox<bool> over;
  loop().runAfter(10ms, [&] { over.put(true); });
  over.take();
  EXPECT_EQ(failures.total(), soFar);
  EXPECT_EQ(client.connection(), nullptr);
}

TEST_P(ClientBlackHole, IsTriedUntilItAnswers) {
  connectInVain(tryAgainAndAgain);
  EXPECT_EQ(failures.take().error, std::errc::timed_out);
  PeerListener& server = hole_.open();
  const TcpConnectionPtr connection = ups.take();
  connection->send("at last");
  connection->shutdown();
  // Attempts that were given up meanwhile may have come through, too: they bring nothing.
  std::string got;
  while (got.empty()) got = server.accept().receiveUntilEnd().bytes;
  EXPECT_EQ(got, "at last");
}

TEST_P(ClientBlackHole, ManyEndOnSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      std::vector<std::unique_ptr<TcpClient>> clients;
      for (int k = 0; k < 20; ++k) {
        clients.push_back(std::make_unique<TcpClient>(&loop(), hole_.address(), "one of many"));
        tryAgainAndAgain(*clients.back());
        clients.back()->connect();
      }
      while (!clients.empty()) clients.pop_back();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TERN_ON_EACH_POLLER(ClientBlackHole);

}  // namespace
}  // namespace tern::testing
