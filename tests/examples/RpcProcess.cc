// RpcProcess: the RPC server and its client as programs.
#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

#include "support/Peers.h"
#include "support/ProgramFixture.h"
#include "support/ServerProcess.h"

namespace tern::testing {
namespace {

class RpcServer : public ServerProcess {
 public:
  explicit RpcServer(const std::vector<std::string>& arguments)
      : ServerProcess(exampleProgram("rpc_server"), {arguments, {}, {}}) {}
};

class RpcPrograms : public ProgramFixture {
 protected:
  int call(const std::vector<std::string>& arguments) {
    return run("rpc_client", {arguments, {}, {}});
  }

  // The client's one line.
  void expectResult(const std::string& counts) {
    const std::regex form(counts + R"( in [0-9]+\.[0-9]{3} s: [0-9]+ calls/s\n)");
    EXPECT_TRUE(std::regex_match(output_, form)) << output_;
  }
};

class RpcProcess : public RpcPrograms, public ::testing::WithParamInterface<std::string> {};

TEST_P(RpcProcess, ServesVerifiedCallsUntilASignalAndEndsWithZero) {
  for (const int signal : {SIGINT, SIGTERM}) {
    RpcServer server({"--listen", "127.0.0.1:0", "--poller", GetParam(), "--threads", "2"});
    EXPECT_EQ(server.poller(), GetParam());
    EXPECT_EQ(server.threads(), "2");
    const std::string address = server.address().toIpPort();
    EXPECT_EQ(call({"--connect", address, "--calls", "5000", "--in-flight", "64", "--size", "100",
                    "--poller", GetParam()}),
              0);
    expectResult("5000 answered, 0 wrong, 0 failed");
    EXPECT_EQ(errors_, "");
    EXPECT_EQ(
        call({"--connect", address, "--calls", "10", "--in-flight", "4", "--size", "1000000"}), 0);
    expectResult("10 answered, 0 wrong, 0 failed");
    EXPECT_EQ(call({"--connect", address, "--calls", "3", "--in-flight", "1024", "--size", "0"}),
              0);
    expectResult("3 answered, 0 wrong, 0 failed");
    server.process().signal(signal);
    EXPECT_EQ(server.end(), 0);
    EXPECT_EQ(server.process().errors(), "");
  }
}

TEST_P(RpcProcess, AServerThatDoesNotAnswerFailsTheCallsAtTheirDeadline) {
  PeerListener silent;
  silent.listen();
  EXPECT_EQ(call({"--connect", silent.address().toIpPort(), "--calls", "5", "--in-flight", "2",
                  "--timeout-ms", "20", "--poller", GetParam()}),
            1);
  expectResult("0 answered, 0 wrong, 5 failed");
  expectSentence("deadline exceeded");
}

TEST_P(RpcProcess, TheClientSaysThatNobodyListens) {
  const PeerListener deaf;
  EXPECT_EQ(call({"--connect", deaf.address().toIpPort(), "--calls", "5", "--poller", GetParam()}),
            1);
  expectResult("0 answered, 0 wrong, 5 failed");
  expectSentence("server unavailable: Connection refused");
}

TEST_P(RpcProcess, AClientThatSpeaksAnotherProtocolIsDisconnected) {
  RpcServer server({"--poller", GetParam()});
  Peer peer(server.address());
  peer.sendAll("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(peer.receiveUntilEnd().bytes.find("the client sent what is no request"),
            std::string::npos);
  EXPECT_EQ(call({"--connect", server.address().toIpPort(), "--calls", "10"}), 0);
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

INSTANTIATE_TEST_SUITE_P(On, RpcProcess, ::testing::Values("poll", "epoll", "io_uring"),
                         [](const auto& testCase) { return testCase.param; });

class RpcClient : public RpcPrograms {};

TEST_F(RpcClient, NamesWhatItDoesNotUnderstand) {
  EXPECT_EQ(call({}), 2);
  expectSentence("--connect");
  EXPECT_EQ(call({"--connect", "nonsense"}), 2);
  expectSentence("'nonsense' is not an address");
  for (const char* option : {"--calls", "--in-flight", "--timeout-ms"}) {
    EXPECT_EQ(call({"--connect", "127.0.0.1:9", option, "0"}), 2);
    expectSentence(option);
  }
  EXPECT_EQ(call({"--connect", "127.0.0.1:9", "--size", "9999999"}), 2);
  expectSentence("--size");
  EXPECT_EQ(call({"--connect", "127.0.0.1:9", "--poller", "kqueue"}), 2);
  expectSentence("unknown poller 'kqueue'");
  EXPECT_EQ(call({"--help"}), 0);
}

}  // namespace
}  // namespace tern::testing
