// TunnelServersProcess: proxy and socks5 as programs.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

// What a server of the two does for `client` when it has reached `server`.
void expectRelay(Peer& client, Peer& server) {
  const std::string question = patternOf(3 * kMiB, 1);
  const std::string answer = patternOf(3 * kMiB, 2);
  std::thread asking([&] {
    client.sendAll(question);
    client.shutdownWrite();
  });
  expectSameBytes(server.receiveUntilEof(), question);
  asking.join();
  std::thread answering([&] {
    server.sendAll(answer);
    server.shutdownWrite();
  });
  expectSameBytes(client.receiveUntilEof(), answer);
  answering.join();
}

class ProxyServerProcess : public ServerProgramFixture {
 protected:
  void startProxy(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"--backend", backend.address().toString()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    start("proxy_server", arguments);
  }

  PeerListener backend;
};

TEST_P(ProxyServerProcess, CarriesBytesAndEndsBothWays) {
  backend.listen();
  startProxy();
  for (int i = 0; i < 2; ++i) {
    Peer client(address());
    Peer server = backend.accept();
    expectRelay(client, server);
  }
}

TEST_P(ProxyServerProcess, ServesOnSeveralThreads) {
  backend.listen();
  startProxy({"--threads", "3"});
  for (int i = 0; i < 6; ++i) {
    Peer client(address());
    client.sendAll("ping");
    Peer server = backend.accept();
    EXPECT_EQ(server.receiveExactly(4), "ping");
  }
}

TEST_P(ProxyServerProcess, ClosesWhenTheBackendIsNotThere) {
  startProxy();
  Peer client(address());
  EXPECT_EQ(client.receiveUntilEnd().bytes, "");
}

TEST_P(ProxyServerProcess, EndsWithConnectionsUp) {
  backend.listen();
  startProxy();
  Peer client(address());
  Peer server = backend.accept();
  client.sendAll("last words");
  EXPECT_EQ(server.receiveExactly(10), "last words");
  std::thread ending([this] { end(); });
  EXPECT_EQ(client.receiveUntilEof(), "");
  client.close();
  EXPECT_EQ(server.receiveUntilEof(), "");
  server.close();
  ending.join();
}

TEST_P(ProxyServerProcess, HoldsLittleWhileTheReaderIsSlow) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  backend.listen();
  startProxy();
  Peer client(address());
  Peer server = backend.accept();
  client.sendAll("x");
  EXPECT_EQ(server.receiveExactly(1), "x");
  const std::size_t before = residentBytes(process());
  const std::size_t sent = client.sendUntilFull(patternOf(kMiB), 64 * kMiB);
  EXPECT_LT(sent, 64 * kMiB);
  EXPECT_LT(residentBytes(process()), before + 4 * kMiB);
  client.shutdownWrite();
  EXPECT_EQ(server.receiveUntilEof().size(), sent);
}

TERN_ON_EACH_PROGRAM_POLLER(ProxyServerProcess);

class Socks5ServerProcess : public ServerProgramFixture {
 protected:
  void SetUp() override { start("socks5_server"); }

  static std::string bytes(std::initializer_list<int> values) {
    std::string result;
    for (const int value : values) result += static_cast<char>(value);
    return result;
  }
  [[nodiscard]] std::string port() const {
    return bytes({target.address().port() >> 8, target.address().port() & 0xFF});
  }
  // Greets, asks, and returns the code of the answer.
  int ask(Peer& client, const std::string& request) const {
    client.sendAll(kGreeting);
    EXPECT_EQ(client.receiveExactly(2), bytes({5, 0}));
    client.sendAll(request);
    const std::string answer = client.receiveExactly(10);
    EXPECT_EQ(answer.substr(0, 1), bytes({5}));
    EXPECT_EQ(answer.substr(2, 2), bytes({0, 1}));
    return answer[1];
  }
  [[nodiscard]] std::string toIpv4() const { return bytes({5, 1, 0, 1, 127, 0, 0, 1}) + port(); }

  const std::string kGreeting = bytes({5, 1, 0});
  PeerListener target;
};

TEST_P(Socks5ServerProcess, ConnectsToAnIPv4Address) {
  target.listen();
  Peer client(address());
  EXPECT_EQ(ask(client, toIpv4()), 0);
  Peer server = target.accept();
  expectRelay(client, server);
}

TEST_P(Socks5ServerProcess, ConnectsToAName) {
  target.listen();
  Peer client(address());
  EXPECT_EQ(ask(client, bytes({5, 1, 0, 3, 9}) + "localhost" + port()), 0);
  Peer server = target.accept();
  expectRelay(client, server);
}

TEST_P(Socks5ServerProcess, TakesItsMessagesByteByByteAndAllAtOnce) {
  target.listen();
  {
    Peer client(address());
    for (const char c : kGreeting) client.sendAll(std::string(1, c));
    EXPECT_EQ(client.receiveExactly(2), bytes({5, 0}));
    for (const char c : toIpv4()) client.sendAll(std::string(1, c));
    EXPECT_EQ(client.receiveExactly(10)[1], 0);
    Peer server = target.accept();
    expectRelay(client, server);
  }
  Peer client(address());
  client.sendAll(kGreeting + toIpv4() + "early");
  EXPECT_EQ(client.receiveExactly(12).substr(0, 4), bytes({5, 0, 5, 0}));
  Peer server = target.accept();
  EXPECT_EQ(server.receiveExactly(5), "early");
}

TEST_P(Socks5ServerProcess, TellsThatNobodyListens) {
  Peer client(address());
  EXPECT_EQ(ask(client, toIpv4()), 5);
  EXPECT_EQ(client.receiveUntilEof(), "");
}

TEST_P(Socks5ServerProcess, TellsThatANameDoesNotExist) {
  Peer client(address());
  // RFC 6761: never exists, and no resolver needs to be asked.
  EXPECT_EQ(ask(client, bytes({5, 1, 0, 3, 12}) + "nope.invalid" + port()), 4);
  EXPECT_EQ(client.receiveUntilEof(), "");
}

TEST_P(Socks5ServerProcess, RefusesWhatItDoesNotServe) {
  for (const auto& [request, code] :
       {std::pair{bytes({5, 2, 0, 1, 127, 0, 0, 1, 0, 1}), 7},
        std::pair{bytes({5, 3, 0, 1, 127, 0, 0, 1, 0, 1}), 7},
        std::pair{bytes({5, 1, 0, 2, 0, 0, 0, 0, 0, 0}), 8},
        std::pair{bytes({5, 1, 0, 3, 0, 0, 0}), 1}, std::pair{bytes({4, 1, 0, 1}), 1}}) {
    Peer client(address());
    EXPECT_EQ(ask(client, request), code);
    // What comes after it is not looked at, and the end comes in order.
    client.sendNow(toIpv4());
    EXPECT_EQ(client.receiveUntilEof(), "");
  }
}

TEST_P(Socks5ServerProcess, RefusesClientsThatInsistOnAuthentication) {
  Peer client(address());
  client.sendAll(bytes({5, 2, 1, 2}));
  EXPECT_EQ(client.receiveUntilEof(), bytes({5, 0xFF}));
}

TEST_P(Socks5ServerProcess, ClosesOnAnotherProtocol) {
  Peer client(address());
  client.sendAll("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.receiveUntilEnd().bytes, "");
}

TEST_P(Socks5ServerProcess, SurvivesClientsThatLeaveInTheMiddle) {
  target.listen();
  for (const std::string& words :
       {std::string(), bytes({5}), kGreeting, kGreeting + toIpv4().substr(0, 5),
        kGreeting + toIpv4(), kGreeting + bytes({5, 1, 0, 3, 9}) + "localhost" + port()}) {
    Peer client(address());
    client.sendAll(words);
    client.reset();
  }
  Peer client(address());
  EXPECT_EQ(ask(client, toIpv4()), 0);
}

TERN_ON_EACH_PROGRAM_POLLER(Socks5ServerProcess);

}  // namespace
}  // namespace tern::testing
