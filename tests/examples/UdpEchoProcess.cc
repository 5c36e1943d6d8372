// UdpEchoProcess: the UDP echo server and its client as programs.
#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

#include "support/DatagramPeer.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ProgramFixture.h"
#include "support/ServerProcess.h"

namespace tern::testing {
namespace {

class UdpEchoServer : public ServerProcess {
 public:
  explicit UdpEchoServer(const std::vector<std::string>& arguments)
      : ServerProcess(exampleProgram("udp_echo_server"), {arguments, {}, {}}) {}
};

void expectEcho(const SocketAddress& server, const std::string& text) {
  const DatagramPeer peer(SocketAddress(0, true, server.isIpv6()));
  peer.sendTo(server, text);
  const DatagramPeer::Received echo = peer.receive();
  expectSameBytes(echo.bytes, text);
  EXPECT_EQ(echo.from, server);
}

class UdpEchoPrograms : public ProgramFixture {
 protected:
  int status(const std::string& program, const std::vector<std::string>& arguments) {
    return run(program, {arguments, {}, {}});
  }

  // The client's one line.
  void expectResult(const std::string& counts) {
    EXPECT_EQ(errors_, "");
    const std::regex form(counts + R"( in [0-9]+\.[0-9]{3} s\n)");
    EXPECT_TRUE(std::regex_match(output_, form)) << output_;
  }
};

class UdpEchoProcess : public UdpEchoPrograms, public ::testing::WithParamInterface<std::string> {};

TEST_P(UdpEchoProcess, EchoesUntilASignalAndEndsWithZero) {
  for (const int signal : {SIGINT, SIGTERM}) {
    UdpEchoServer server({"--listen", "127.0.0.1:0", "--poller", GetParam()});
    EXPECT_EQ(server.poller(), GetParam());
    EXPECT_EQ(server.threads(), "1");
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{65'507}}) {
      expectEcho(server.address(), patternOf(length));
    }
    server.process().signal(signal);
    EXPECT_EQ(server.end(), 0);
    EXPECT_EQ(server.process().errors(), "");
  }
}

TEST_P(UdpEchoProcess, WithThreadsSharesTheAddressAmongItsLoops) {
  UdpEchoServer server({"--poller", GetParam(), "--threads", "3"});
  EXPECT_EQ(server.threads(), "3");
  for (int i = 0; i < 30; ++i) expectEcho(server.address(), std::to_string(i));
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(UdpEchoProcess, TheClientVerifiesAllAnswers) {
  UdpEchoServer server({"--poller", GetParam(), "--threads", "2"});
  const std::string address = server.address().toIpPort();
  EXPECT_EQ(status("udp_echo_client", {"--connect", address, "--count", "5000", "--size", "100",
                                       "--window", "20", "--poller", GetParam()}),
            0);
  expectResult("5000 sent, 5000 answered, 0 lost, 0 wrong, 0 late");
  EXPECT_EQ(status("udp_echo_client",
                   {"--connect", address, "--count", "20", "--size", "65507", "--window", "1"}),
            0);
  expectResult("20 sent, 20 answered, 0 lost, 0 wrong, 0 late");
  EXPECT_EQ(status("udp_echo_client", {"--connect", address, "--count", "1", "--size", "8"}), 0);
  expectResult("1 sent, 1 answered, 0 lost, 0 wrong, 0 late");
}

TEST_P(UdpEchoProcess, TheClientCountsWhatIsNotAnswered) {
  const DatagramPeer silent;
  EXPECT_EQ(status("udp_echo_client", {"--connect", silent.address().toIpPort(), "--count", "10",
                                       "--window", "4", "--timeout", "20", "--poller", GetParam()}),
            1);
  expectResult("10 sent, 0 answered, 10 lost, 0 wrong, 0 late");
}

TEST_P(UdpEchoProcess, TheClientSaysThatNobodyListens) {
  const std::string nobody = DatagramPeer().address().toIpPort();
  EXPECT_EQ(status("udp_echo_client", {"--connect", nobody, "--poller", GetParam()}), 1);
  expectRefusal(nobody + ": Connection refused");
}

INSTANTIATE_TEST_SUITE_P(On, UdpEchoProcess, ::testing::Values("poll", "epoll", "io_uring"),
                         [](const auto& testCase) { return testCase.param; });

class UdpEchoClient : public UdpEchoPrograms {};

TEST_F(UdpEchoClient, IsNotDeceivedByAnswersOfAnotherKind) {
  const DatagramPeer server;
  Process client(exampleProgram("udp_echo_client"),
                 {{"--connect", server.address().toIpPort(), "--count", "1", "--size", "20",
                   "--timeout", "600000"},
                  {},
                  {}});
  const DatagramPeer::Received question = server.receive();
  std::string changed = question.bytes;
  changed.back() = static_cast<char>(changed.back() + 1);
  for (const std::string& wrong : {std::string(), std::string("short"), changed,
                                   question.bytes + "x", question.bytes.substr(0, 19)}) {
    server.sendTo(question.from, wrong);
  }
  server.sendTo(question.from, question.bytes);
  EXPECT_EQ(endOf(client), 1);
  expectResult("1 sent, 1 answered, 0 lost, 5 wrong, 0 late");
}

TEST_F(UdpEchoClient, CountsASecondAnswerAsLate) {
  const DatagramPeer server;
  Process client(exampleProgram("udp_echo_client"),
                 {{"--connect", server.address().toIpPort(), "--count", "2", "--window", "1",
                   "--timeout", "600000"},
                  {},
                  {}});
  const DatagramPeer::Received first = server.receive();
  server.sendTo(first.from, first.bytes);
  server.sendTo(first.from, first.bytes);
  const DatagramPeer::Received second = server.receive();
  server.sendTo(second.from, second.bytes);
  EXPECT_EQ(endOf(client), 0);
  expectResult("2 sent, 2 answered, 0 lost, 0 wrong, 1 late");
}

TEST_F(UdpEchoClient, NamesWhatItDoesNotUnderstand) {
  EXPECT_EQ(status("udp_echo_client", {}), 2);
  expectRefusal("--connect");
  EXPECT_EQ(status("udp_echo_client", {"--connect", "nonsense"}), 2);
  expectRefusal("'nonsense' is not an address");
  for (const char* option : {"--count", "--size", "--window", "--timeout"}) {
    EXPECT_EQ(status("udp_echo_client", {"--connect", "127.0.0.1:9", option, "0"}), 2);
    expectRefusal(option);
  }
  EXPECT_EQ(status("udp_echo_client", {"--connect", "127.0.0.1:9", "--poller", "kqueue"}), 2);
  expectRefusal("unknown poller 'kqueue'");
  EXPECT_EQ(status("udp_echo_client", {"--help"}), 0);
}

class UdpEchoUsage : public UdpEchoPrograms {};

TEST_F(UdpEchoUsage, ListensOnTheIPv6LoopbackAddress) {
  if (!machineHasIpv6()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  UdpEchoServer server({"--listen", "[::1]:0"});
  expectEcho(server.address(), "hello");
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST_F(UdpEchoUsage, APortInUseIsNamedAlsoIfItMightBeShared) {
  UdpEchoServer first({"--threads", "2"});
  const std::string taken = first.address().toIpPort();
  for (const char* threads : {"1", "2"}) {
    EXPECT_EQ(status("udp_echo_server", {"--listen", taken, "--threads", threads}), 1);
    expectRefusal(taken);
  }
  expectEcho(first.address(), "hello");
}

TEST_F(UdpEchoUsage, ABadAddressPollerOrNumberOfThreadsIsNamed) {
  EXPECT_EQ(status("udp_echo_server", {"--listen", "nonsense"}), 2);
  expectRefusal("'nonsense' is not an address");
  EXPECT_EQ(status("udp_echo_server", {"--poller", "kqueue"}), 2);
  expectRefusal("unknown poller 'kqueue'");
  EXPECT_EQ(status("udp_echo_server", {"--threads", "0"}), 2);
  expectRefusal("--threads");
  EXPECT_EQ(status("udp_echo_server", {"--listen", "192.0.2.1:0", "--threads", "2"}), 1);
  expectRefusal("192.0.2.1:0");
  EXPECT_EQ(status("udp_echo_server", {"--help"}), 0);
}

}  // namespace
}  // namespace tern::testing
