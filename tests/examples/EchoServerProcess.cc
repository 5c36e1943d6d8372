// EchoServerProcess: the example server as a program: its ready line, its end, and its exit status.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ProgramFixture.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"
#include "support/ServerProcess.h"

namespace tern::testing {
namespace {

const std::string kEchoServer = exampleProgram("echo_server");

class EchoServer : public ServerProcess {
 public:
  explicit EchoServer(const ProcessOptions& options) : ServerProcess(kEchoServer, options) {}
};

void expectEcho(Peer& peer, const std::string& text) {
  peer.sendAll(text);
  EXPECT_EQ(peer.receiveExactly(text.size()), text);
}

// Whether a byte comes back, as opposed to the end of the connection.
bool isServed(Peer& peer) {
  peer.sendNow("x");
  try {
    return peer.receiveSome(1) == "x";
  } catch (const std::runtime_error&) {
    return false;  // a reset
  }
}

// How much of one processor a program uses while `act` runs.
template <class Act>
double loadDuring(const Process& process, Act&& act) {
  clockid_t clock{};
  if (::clock_getcpuclockid(process.pid(), &clock) != 0) throw std::runtime_error("no CPU clock");
  const auto used = [clock] {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto start = std::chrono::steady_clock::now();
  const auto usedBefore = used();
  act();
  const std::chrono::duration<double> spent = used() - usedBefore;
  return spent / (std::chrono::steady_clock::now() - start);
}

class EchoServerProcess : public ::testing::TestWithParam<std::string> {
 protected:
  // With so few descriptors that it runs out of them.
  static ProcessOptions withFewDescriptors() {
    ProcessOptions limited = options();
    limited.beforeExec = [] {
      const rlimit limit{64, 64};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    };
    return limited;
  }
  static ProcessOptions options(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--listen", "127.0.0.1:0", "--poller", GetParam()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return {arguments, {}, {}};
  }
};

TEST_P(EchoServerProcess, PrintsOneLineWhenReadyAndEchoes) {
  EchoServer server(options());
  EXPECT_NE(server.address().port(), 0);
  EXPECT_EQ(server.poller(), GetParam());
  EXPECT_EQ(server.threads(), "1");
  {
    Peer peer(server.address());
    expectEcho(peer, "hello");
    const std::string much = patternOf(std::size_t{1} << 20U);
    std::thread sender([&] { peer.sendAll(much); });
    expectSameBytes(peer.receiveExactly(much.size()), much);
    sender.join();
  }
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.process().errors(), "");
}

TEST_P(EchoServerProcess, ServesOnSeveralThreads) {
  EchoServer server(options({"--threads", "3"}));
  EXPECT_EQ(server.threads(), "3");
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 9; ++i) peers.push_back(std::make_unique<Peer>(server.address()));
  for (const auto& peer : peers) expectEcho(*peer, "hello");
  server.process().signal(SIGINT);
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
  peers.clear();
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, DrainsAtSigtermUntilTheIdlePeerCloses) {
  EchoServer server(options());
  Peer peer(server.address());
  expectEcho(peer, "hello");
  server.process().signal(SIGTERM);
  EXPECT_EQ(peer.receiveUntilEof(), "");
  peer.close();
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, EndsAtOnceAtTheSecondSignal) {
  EchoServer server(options());
  Peer peer(server.address());
  expectEcho(peer, "hello");
  server.process().signal(SIGTERM);
  EXPECT_EQ(peer.receiveUntilEof(), "");
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, EndsWithoutConnections) {
  EchoServer server(options());
  server.process().signal(SIGINT);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, TakesItsPollerFromTheEnvironment) {
  EchoServer server({{"--listen", "127.0.0.1:0"}, {"TERN_POLLER=" + GetParam()}, {}});
  EXPECT_EQ(server.poller(), GetParam());
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, WithFewDescriptorsServesThoseItHasAndRecovers) {
  EchoServer server(withFewDescriptors());
  std::vector<std::unique_ptr<Peer>> served;
  for (int i = 0; i < 200; ++i) served.push_back(std::make_unique<Peer>(server.address()));
  std::erase_if(served, [](const auto& peer) { return !isServed(*peer); });
  EXPECT_GT(served.size(), 30U);
  EXPECT_LT(served.size(), 64U);
  for (const auto& peer : served) expectEcho(*peer, "still here");
  served.resize(10);
  // Those that left make room.
  std::size_t replaced = 0;
  for (int i = 0; i < 200 && replaced < 10; ++i) {
    auto peer = std::make_unique<Peer>(server.address());
    if (!isServed(*peer)) continue;
    served.push_back(std::move(peer));
    ++replaced;
  }
  EXPECT_EQ(replaced, 10U);
  served.clear();
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, WithFewDescriptorsDoesNotKeepAProcessorBusy) {
  EchoServer server(withFewDescriptors());
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 200; ++i) peers.push_back(std::make_unique<Peer>(server.address()));
  const auto hasRoom = [](const auto& peer) { return isServed(*peer); };
  EXPECT_LT(std::count_if(peers.begin(), peers.end(), hasRoom), 64);
  // There is always one that waits to be turned away.
  const double load = loadDuring(server.process(), [&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (std::chrono::steady_clock::now() < end) {
      Peer late(server.address());
      EXPECT_EQ(late.receiveUntilEnd().bytes, "");
    }
  });
  EXPECT_LT(load, 0.1);
  peers.clear();
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, HoldsLittleForAPeerThatNeverReads) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  constexpr std::size_t kMiB = std::size_t{1} << 20U;
  EchoServer server(options());
  Peer peer(server.address());
  expectEcho(peer, "hello");
  const std::size_t before = residentBytes(server.process());
  EXPECT_LT(peer.sendUntilFull(patternOf(kMiB), 64 * kMiB), 64 * kMiB);
  EXPECT_LT(residentBytes(server.process()), before + 16 * kMiB);
  peer.close();
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(EchoServerProcess, ListensOnTheIPv6LoopbackAddress) {
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress any(0, true, true);
  if (!fd || ::bind(fd.get(), any.sockAddr(), any.sockAddrLength()) != 0) {
    GTEST_SKIP() << "this machine has no IPv6 loopback address";
  }
  EchoServer server({{"--listen", "[::1]:0", "--poller", GetParam()}, {}, {}});
  EXPECT_EQ(server.address().toIp(), "::1");
  {
    Peer peer(server.address());
    expectEcho(peer, "hello");
  }
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

INSTANTIATE_TEST_SUITE_P(On, EchoServerProcess, ::testing::Values("poll", "epoll", "io_uring"),
                         [](const auto& testCase) { return testCase.param; });

TEST(EchoServerEnd, ComesAtTheDeadlineAlthoughAPeerNeverCloses) {
  EchoServer server({{"--listen", "127.0.0.1:0"}, {}, {}});
  Peer peer(server.address());
  expectEcho(peer, "hello");
  const auto start = std::chrono::steady_clock::now();
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

class EchoServerUsage : public ProgramFixture {
 protected:
  int status(const ProcessOptions& options) { return run("echo_server", options); }
};

TEST_F(EchoServerUsage, HelpIsPrintedAndIsNoFailure) {
  EXPECT_EQ(status({{"--help"}, {}, {}}), 0);
  EXPECT_EQ(errors_, "");
  for (const char* option : {"--listen", "--poller", "--threads", "io_uring"}) {
    EXPECT_NE(output_.find(option), std::string::npos) << output_;
  }
}

TEST_F(EchoServerUsage, AnUnknownPollerIsNamed) {
  EXPECT_EQ(status({{"--poller", "kqueue"}, {}, {}}), 2);
  expectRefusal("unknown poller 'kqueue'");
}

TEST_F(EchoServerUsage, AnUnknownPollerInTheEnvironmentIsNamedWithItsVariable) {
  EXPECT_EQ(status({{}, {"TERN_POLLER=kqueue"}, {}}), 2);
  expectRefusal("TERN_POLLER: unknown poller 'kqueue'");
}

TEST_F(EchoServerUsage, ABadAddressIsNamed) {
  for (const std::string bad : {"nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
                                "127.0.0.1:http", "300.1.1.1:0", "::1:80", ""}) {
    EXPECT_EQ(status({{"--listen", bad}, {}, {}}), 2) << bad;
    expectRefusal("'" + bad + "' is not an address");
  }
}

TEST_F(EchoServerUsage, AnUnknownOptionIsNamed) {
  EXPECT_EQ(status({{"--frobnicate"}, {}, {}}), 2);
  expectRefusal("--frobnicate");
  EXPECT_EQ(status({{"leftover"}, {}, {}}), 2);
  expectRefusal("leftover");
}

TEST_F(EchoServerUsage, AnImpossibleNumberOfThreadsIsNamed) {
  for (const std::string bad : {"0", "-1", "many", "1000000"}) {
    EXPECT_EQ(status({{"--threads", bad}, {}, {}}), 2) << bad;
    expectRefusal("--threads");
  }
}

TEST_F(EchoServerUsage, AnOptionWithoutItsValueIsNamed) {
  EXPECT_EQ(status({{"--poller"}, {}, {}}), 2);
  expectRefusal("--poller");
}

TEST_F(EchoServerUsage, APortInUseIsNamed) {
  EchoServer first({{"--listen", "127.0.0.1:0"}, {}, {}});
  const std::string taken = first.address().toIpPort();
  EXPECT_EQ(status({{"--listen", taken}, {}, {}}), 1);
  expectRefusal(taken);
  EXPECT_EQ(status({{"--listen", taken, "--threads", "2"}, {}, {}}), 1);
  expectRefusal(taken);
  Peer peer(first.address());
  expectEcho(peer, "hello");
}

TEST_F(EchoServerUsage, AnAddressOfAnotherMachineIsNamed) {
  EXPECT_EQ(status({{"--listen", "192.0.2.1:0"}, {}, {}}), 1);
  expectRefusal("192.0.2.1:0");
}

}  // namespace
}  // namespace tern::testing
