// The whole tool against servers that behave and servers that do not.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "EchoServer.h"
#include "Outcome.h"
#include "UniqueFd.h"

namespace tern::load {
namespace {

using nlohmann::json;

// The command line of each kind of work, small enough for a test.
const std::vector<std::vector<std::string>> kWorks{
    {"--connections", "3"},
    {"--connections", "3", "--mode", "framed", "--depth", "7"},
    {"--connections", "3", "--rate", "2000"},
    {"--connections", "3", "--accept-rate"},
    {"--connections", "3", "--idle"},
    {"--connections", "2", "--bulk", "--mode", "framed", "--size", "100000", "--depth", "5"}};

// The server ends each run, once it has echoed enough: the sizes need very different times.
TEST(Tool, VerifiesEveryMessageOfEverySizeAndDepth) {
  for (const char* mode : {"raw", "framed"}) {
    for (const std::size_t size : {1U, 64U, 4093U, 100'000U, 3'000'000U}) {
      for (const std::size_t depth : {1U, 5U}) {
        const std::size_t enough = 5 * (size + 4) * depth;
        const EchoServer server(Conduct::interrupt, enough);
        const Outcome outcome =
            run({"--connect", server.address(), "--mode", mode, "--connections", "4", "--size",
                 std::to_string(size), "--depth", std::to_string(depth), "--warmup", "0",
                 "--seconds", "60", "--json", "-"});
        SCOPED_TRACE(outcome.out + outcome.err);
        EXPECT_EQ(outcome.status, 0);
        const json document = outcome.document();
        EXPECT_GE(document["verified_bytes"].get<std::uint64_t>(), 4 * size * depth);
        EXPECT_GT(document["latency_us"]["min"], 0);
        EXPECT_LE(document["latency_us"]["p50"], document["latency_us"]["p99"]);
        EXPECT_LE(document["latency_us"]["p99"], document["latency_us"]["max"]);
      }
    }
  }
}

TEST(Tool, SendsEmptyFrames) {
  const EchoServer server(Conduct::honest);
  expectClean(runAgainst(server.address(), {"--mode", "framed", "--size", "0"}));
}

TEST(Tool, SpeaksIPv6) {
  const EchoServer server(Conduct::honest, 0, "::1");
  expectClean(runAgainst(server.address(), {}));
}

TEST(Tool, ReportsEveryKindOfWork) {
  const EchoServer server(Conduct::honest);
  for (const auto& work : kWorks) {
    auto arguments = work;
    arguments.insert(arguments.end(), {"--server-pid", std::to_string(::getpid())});
    const Outcome outcome = runAgainst(server.address(), arguments);
    SCOPED_TRACE(outcome.out);
    expectClean(outcome);
    EXPECT_GE(outcome.document()["seconds"], 0.1);
    EXPECT_GE(outcome.document()["verified_bytes"], outcome.document()["requests"]);
    const bool idle = outcome.document()["work"] == "idle";
    EXPECT_EQ(outcome.document()["server_cpu_us_per_request"].is_null(), idle);
    EXPECT_EQ(outcome.document()["rss_bytes_per_connection"].is_null(), !idle);
    const bool lasting =
        outcome.document()["work"] == "echo" || outcome.document()["work"] == "bulk";
    EXPECT_EQ(outcome.document()["segments_received"].is_null(), !lasting);
  }
}

// The server sends back at once what it has received.
TEST(Tool, CountsTheSegmentsOfTheAnswers) {
  const EchoServer server(Conduct::honest);
  for (const std::uint64_t depth : {1U, 20U}) {
    const Outcome outcome =
        runAgainst(server.address(), {"--connections", "3", "--depth", std::to_string(depth)});
    expectClean(outcome);
    const std::uint64_t messages = outcome.document()["verified_bytes"].get<std::uint64_t>() / 64;
    const std::uint64_t segments = outcome.document()["segments_received"];
    EXPECT_GE(segments, messages / depth);
    EXPECT_LT(segments, messages / depth * 3 / 2);
  }
}

// All that is due is sent, however late a busy machine lets it be, and nothing before it is due.
TEST(Tool, KeepsTheRateOfAnOpenLoop) {
  constexpr std::uint64_t kDepth = 20;
  constexpr std::uint64_t kOpening = 10 * kDepth;
  const EchoServer server(Conduct::honest);
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome =
      runAgainst(server.address(), {"--connections", "10", "--rate", "1000", "--depth",
                                    std::to_string(kDepth), "--size", "64", "--seconds", "0.5"});
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  expectClean(outcome);
  EXPECT_EQ(outcome.document()["rate"], 1000.0);
  const std::uint64_t messages = outcome.document()["verified_bytes"].get<std::uint64_t>() / 64;
  // A batch each 20 ms, from the beginning of the warm-up of 20 ms to the end of the window.
  EXPECT_GE(messages, kOpening + 27 * kDepth);
  EXPECT_LE(static_cast<double>(messages), kOpening + kDepth + 1000 * elapsed.count());
  EXPECT_GT(outcome.document()["send_lag_us"]["max"], 0);
}

TEST(Tool, AWrongByteIsAnErrorInEveryKindOfWork) {
  const EchoServer server(Conduct::corrupt);
  for (const auto& work : kWorks) {
    const Outcome outcome = runAgainst(server.address(), work);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_GT(outcome.document()["errors"], 0);
    EXPECT_NE(outcome.err.find(" of message "), std::string::npos) << outcome.err;
  }
}

TEST(Tool, AWrongByteLaterOnIsAnErrorToo) {
  const EchoServer server(Conduct::corrupt, 10'000);
  const Outcome outcome = runAgainst(server.address(), {"--connections", "3", "--seconds", "60"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.document()["errors"], 3);
}

TEST(Tool, ASurplusAnswerIsAnError) {
  const EchoServer server(Conduct::repeat, 10'000);
  const Outcome outcome = runAgainst(server.address(), {"--connections", "2", "--seconds", "60"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("than it had received"), std::string::npos) << outcome.err;
}

TEST(Tool, AnEarlyCloseIsAnErrorInEveryKindOfWork) {
  for (const Conduct conduct : {Conduct::close, Conduct::reset}) {
    const EchoServer server(conduct);
    for (const auto& work : kWorks) {
      const Outcome outcome = runAgainst(server.address(), work);
      EXPECT_EQ(outcome.status, 1);
      EXPECT_NE(outcome.err.find(" by the server"), std::string::npos) << outcome.err;
    }
  }
}

TEST(Tool, AnEarlyCloseLaterOnEndsTheRunWhenNoConnectionIsLeft) {
  const EchoServer server(Conduct::close, 10'000);
  const Outcome outcome = runAgainst(server.address(), {"--connections", "8", "--seconds", "60"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.document()["errors"], 8);
  EXPECT_NE(outcome.err.find("errors not described above: 3"), std::string::npos) << outcome.err;
}

TEST(Tool, ASilentServerIsAnErrorAfterABoundedWaitInEveryKindOfWork) {
  const EchoServer server(Conduct::silent);
  for (const auto& work : kWorks) {
    auto arguments = work;
    arguments.insert(arguments.end(), {"--timeout", "0.1", "--seconds", "60"});
    arguments.insert(arguments.begin(), {"--connect", server.address()});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("no answer for 0.1"), std::string::npos) << outcome.err;
  }
}

TEST(Tool, AServerThatFallsSilentIsAnErrorAfterABoundedWait) {
  const EchoServer server(Conduct::silent, 10'000);
  for (const char* rate : {"1000000", ""}) {
    std::vector<std::string> arguments{
        "--connect", server.address(), "--connections", "3", "--timeout", "0.1", "--seconds", "60"};
    if (*rate != '\0') arguments.insert(arguments.end(), {"--rate", rate});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("connection 0: no answer for 0.1"), std::string::npos)
        << outcome.err;
  }
}

TEST(Tool, NoServerIsAnErrorInEveryKindOfWork) {
  // Bound and not listening, so that nobody else can take the port.
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) FAIL() << "no socket";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string server = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  auto works = kWorks;
  works.push_back({"--connections", "3", "--broadcast"});
  for (const auto& work : works) {
    const Outcome outcome = runAgainst(server, work);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("could not connect to " + server + ": Connection refused"),
              std::string::npos)
        << outcome.err;
  }
}

TEST(Tool, CtrlCEndsTheMeasurementEarlyAndPrintsWhatThereIs) {
  for (const auto& work : kWorks) {
    const EchoServer server(Conduct::interrupt);
    auto arguments = work;
    arguments.insert(arguments.end(), {"--connect", server.address(), "--seconds", "60", "--warmup",
                                       "60", "--json", "-"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.document()["interrupted"], true);
    EXPECT_LT(outcome.document()["seconds"], 60);
  }
}

TEST(Tool, ACommandLineThatMakesNoSenseIsOneSentenceAndStatusTwo) {
  const Outcome outcome = run({"--connect", "127.0.0.1:9", "--depth", "0"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "tern-load: --depth must be from 1 to 65536 (--help lists the options)\n");
}

TEST(Tool, TooFewDescriptorsAreOneSentence) {
  const Outcome outcome = run({"--connect", "127.0.0.1:9", "--connections", "1000000"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("1000000 connections need"), std::string::npos) << outcome.err;
}

TEST(Tool, AFileThatCannotBeWrittenIsKnownBeforeTheRun) {
  const Outcome outcome = run({"--connect", "127.0.0.1:9", "--json", "/nonexistent/result.json"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err,
            "tern-load: can't write /nonexistent/result.json: No such file or directory\n");
}

TEST(Tool, TheHumanLineGoesWhereTheJsonDoesNot) {
  const EchoServer server(Conduct::honest);
  const Outcome both = runAgainst(server.address(), {});
  EXPECT_EQ(both.out.front(), '{');
  EXPECT_EQ(both.err.substr(0, 8), "echo raw");
  const Outcome human = run({"--connect", server.address(), "--seconds", "0.05", "--warmup", "0"});
  EXPECT_EQ(human.out.substr(0, 8), "echo raw");
  EXPECT_EQ(human.err, "");
}

}  // namespace
}  // namespace tern::load
