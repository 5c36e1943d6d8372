// ClientConnect: one attempt to connect, to servers that are there, that are not, and that are
// silent.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/BlackHole.h"
#include "support/ClientFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ClientConnect : public ClientFixture {
 protected:
  void expectFailure(std::errc expected) {
    const Failure failure = failures.take();
    EXPECT_EQ(failure.error, expected) << failure.error.message();
    EXPECT_EQ(failure.retryIn, std::nullopt);
    EXPECT_EQ(client().connection(), nullptr);
  }
};

TEST_P(ClientConnect, ExchangesBytesWithTheServer) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  EXPECT_EQ(client().connection(), connection);
  EXPECT_EQ(connection->name(), client().name() + "#1");
  EXPECT_EQ(connection->peerAddress(), listener.address());
  EXPECT_EQ(runOnLoop([&] { return connection->localAddress(); }),
            SocketAddress::peerOf(server.fd()).value());
  connection->send("hello");
  EXPECT_EQ(server.receiveExactly(5), "hello");
  server.sendAll("welcome");
  EXPECT_EQ(takeBytes(received, 7), "welcome");
  server.close();
  EXPECT_EQ(downs.take().reason, std::error_code());
  EXPECT_EQ(client().connection(), nullptr);
}

TEST_P(ClientConnect, ReachesAnAbstractUnixSocket) {
  PeerListener unixListener(SocketAddress::unixAbstract(
      "tern-client-" + std::to_string(::getpid()) + "-" + GetParam().name));
  unixListener.listen();
  makeClient(unixListener.address()).connect();
  Peer server = unixListener.accept();
  const TcpConnectionPtr connection = ups.take();
  connection->send("hello");
  EXPECT_EQ(server.receiveExactly(5), "hello");
}

TEST_P(ClientConnect, ReportsThatNobodyListens) {
  makeClient().connect();
  expectFailure(std::errc::connection_refused);
  // And can be told to try again.
  listener.listen();
  client().connect();
  EXPECT_TRUE(ups.take()->connected());
}

TEST_P(ClientConnect, ReportsAnAbstractNameThatNobodyHas) {
  makeClient(SocketAddress::unixAbstract("tern-nobody")).connect();
  expectFailure(std::errc::connection_refused);
}

// connect() itself refuses: the report still comes from the loop.
TEST_P(ClientConnect, ReportsAnAddressThatCantBeReachedAtAll) {
  makeClient(SocketAddress("255.255.255.255", 9));
  runOnLoop([this] {
    client().connect();
    EXPECT_EQ(failures.total(), 0U);
  });
  EXPECT_NE(failures.take().error, std::error_code());
}

TEST_P(ClientConnect, ReportsTheLackOfADescriptor) {
  makeClient();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  runOnLoop([&] {
    const rlimit none{0, limit.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    client().connect();
    ::setrlimit(RLIMIT_NOFILE, &limit);
  });
  expectFailure(std::errc::too_many_files_open);
}

TEST_P(ClientConnect, GivesUpAtTheTimeoutWhenNobodyAnswers) {
  const BlackHole hole;
  makeClient(hole.address(), [](TcpClient& client) { client.setConnectTimeout(20ms); }).connect();
  expectFailure(std::errc::timed_out);
}

TEST_P(ClientConnect, RefusesToBeConnectedToItself) {
  const SocketAddress address = listener.address();
  listener.close();
  makeClient(address, [&](TcpClient& client) { client.setLocalAddress(address); }).connect();
  expectFailure(std::errc::connection_refused);
}

TEST_P(ClientConnect, ComesFromTheLocalAddressAskedFor) {
  listener.listen();
  makeClient([](TcpClient& client) {
    client.setLocalAddress(SocketAddress("127.0.0.2", 0));
  }).connect();
  const Peer server = listener.accept();
  EXPECT_EQ(SocketAddress::peerOf(server.fd())->toIp(), "127.0.0.2");
  ups.take();
}

TEST_P(ClientConnect, ReportsALocalAddressThatIsTaken) {
  PeerListener taken;
  taken.listen();
  listener.listen();
  makeClient([&](TcpClient& client) { client.setLocalAddress(taken.address()); }).connect();
  expectFailure(std::errc::address_in_use);
}

TEST_P(ClientConnect, AskedSeveralTimesMakesOneConnection) {
  listener.listen();
  makeClient();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int k = 0; k < 10; ++k) client().connect();
    });
  }
  for (std::thread& thread : threads) thread.join();
  Peer server = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  client().connect();
  connection->send("done");
  EXPECT_EQ(server.receiveExactly(4), "done");
  EXPECT_FALSE(listener.hasClient());
  EXPECT_EQ(ups.total(), 1U);
}

TEST_P(ClientConnect, DisconnectSendsWhatWasSentBefore) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  const std::string words = patternOf(GetParam().isTiny() ? 1'000 : 1'000'000);
  ups.take()->send(words);
  client().disconnect();
  expectSameBytes(server.receiveUntilEof(), words);
  server.close();
  EXPECT_EQ(downs.take().reason, std::error_code());
}

TEST_P(ClientConnect, ConnectsAnewWhileTheOldConnectionStillDrains) {
  listener.listen();
  makeClient().connect();
  Peer first = listener.accept();
  ups.take();
  client().disconnect();
  EXPECT_EQ(first.receiveUntilEof(), "");
  client().connect();
  Peer second = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  EXPECT_EQ(connection->name(), "client#2");
  EXPECT_EQ(client().connection(), connection);
  first.close();
  downs.take();
  EXPECT_EQ(client().connection(), connection);
  connection->send("here");
  EXPECT_EQ(second.receiveExactly(4), "here");
}

TERN_ON_EACH_POLLER(ClientConnect);

}  // namespace
}  // namespace tern::testing
