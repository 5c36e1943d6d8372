// ComputeServerProcess: compute_server as a program: its answers, its fairness, and its bounds.
#include <gtest/gtest.h>

#include <csignal>
#include <cstddef>
#include <future>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/Sanitizers.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

const std::string kPuzzle =
    "530070000600195000098000060800060003400803001700020006060000280000419005000080079";
const std::string kSolution =
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
// Given up after some 100 ms.
const std::string kEndlessPuzzle =
    "000006000059000008200008000045000000003000000006003054000325006000000000000000000";

std::multiset<std::string> linesOf(const std::string& text) {
  std::multiset<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

class ComputeServerProcess : public ServerProgramFixture {
 protected:
  void start(const std::vector<std::string>& more = {}) {
    ServerProgramFixture::start("compute_server", more);
  }

  // A client that sends this without end, and reads nothing, is stopped early, costs little memory,
  // and is no trouble to others.
  void expectBounded(const std::string& request) {
    start({"--queue", "100"});
    Peer peer(address());
    peer.sendAll("x:" + kPuzzle + "\n");
    peer.receiveExactly(85);
    const std::size_t before = residentBytes(process());
    std::string requests;
    while (requests.size() < 100'000) requests += request;
    EXPECT_LT(peer.sendUntilFull(requests, 32 * kMiB), 32 * kMiB);
    if (!kSanitized) {
      EXPECT_LT(residentBytes(process()), before + 16 * kMiB);
    }
    Peer other(address());
    other.sendAll("x:" + kPuzzle + "\n");
    EXPECT_EQ(other.receiveExactly(85), "x:" + kSolution + "\r\n");
  }
};

TEST_P(ComputeServerProcess, AnswersEachRequestWithItsId) {
  start();
  Peer peer(address());
  std::string contradictory = kPuzzle;
  contradictory[1] = '5';
  peer.sendAll("a:" + kPuzzle + "\r\nb:" + contradictory + "\nc:123\nd:" + std::string(81, 'x') +
               "\n" + std::string(32, 'i') + ":" + kPuzzle + "\n");
  peer.shutdownWrite();
  EXPECT_EQ(
      linesOf(peer.receiveUntilEof()),
      (std::multiset<std::string>{"a:" + kSolution + "\r", "b:NoSolution\r", "c:BadPuzzle\r",
                                  "d:BadPuzzle\r", std::string(32, 'i') + ":" + kSolution + "\r"}));
}

TEST_P(ComputeServerProcess, AnswersAllThatCameBeforeTheClientEndedItsSending) {
  start({"--threads", "2", "--compute-threads", "3", "--queue", "10"});
  std::vector<std::future<void>> clients;
  for (int c = 0; c < 4; ++c) {
    clients.push_back(std::async(std::launch::async, [this] {
      Peer peer(address());
      std::string requests;
      std::multiset<std::string> expected;
      for (int i = 0; i < 300; ++i) {
        requests += std::to_string(i) + ':' + kPuzzle + "\r\n";
        expected.insert(std::to_string(i) + ':' + kSolution + '\r');
      }
      peer.sendAll(requests);
      peer.shutdownWrite();
      EXPECT_EQ(linesOf(peer.receiveUntilEof()), expected);
    }));
  }
  for (std::future<void>& client : clients) client.get();
}

TEST_P(ComputeServerProcess, AnswersWhatItWasAskedBeforeItWasToldToEnd) {
  start({"--compute-threads", "1"});
  Peer peer(address());
  peer.sendAll("x:" + kPuzzle + "\ny:" + kEndlessPuzzle + "\nz:" + kPuzzle + "\n");
  EXPECT_EQ(peer.receiveExactly(85), "x:" + kSolution + "\r\n");
  process().signal(SIGTERM);
  EXPECT_EQ(peer.receiveUntilEof(), "y:TooHard\r\nz:" + kSolution + "\r\n");
  peer.close();
  awaitEnd();
}

TEST_P(ComputeServerProcess, TakesRequestsByteByByte) {
  start();
  Peer peer(address());
  for (const char c : "x:" + kPuzzle + "\r\n") peer.sendAll({&c, 1});
  EXPECT_EQ(peer.receiveExactly(85), "x:" + kSolution + "\r\n");
}

TEST_P(ComputeServerProcess, ClosesAfterWhatIsNoRequest) {
  start();
  for (const std::string& request :
       {std::string("nonsense\n"), ":" + kPuzzle + "\n",
        std::string(33, 'i') + ":" + kPuzzle + "\n", std::string("\n")}) {
    Peer peer(address());
    peer.sendAll(request + "more\n");
    EXPECT_EQ(peer.receiveUntilEof(), "Error:NotARequest\r\n") << request;
  }
  Peer peer(address());
  peer.sendAll(std::string(100'000, 'x'));
  EXPECT_EQ(peer.receiveUntilEof(), "Error:LineTooLong\r\n");
}

TEST_P(ComputeServerProcess, TakesLinesUpToTheirLimit) {
  start();
  Peer peer(address());
  peer.sendAll("x:" + std::string(254, '0') + "\r\n");
  EXPECT_EQ(peer.receiveExactly(13), "x:BadPuzzle\r\n");
  peer.sendAll("x:" + std::string(255, '0') + "\r\nx:\r\n");
  EXPECT_EQ(peer.receiveUntilEof(), "Error:LineTooLong\r\n");
}

TEST_P(ComputeServerProcess, OneClientsHundredsDoNotDelayAnothersOne) {
  start({"--compute-threads", "1", "--queue", "1000"});
  Peer greedy(address());
  std::string requests;
  for (int i = 0; i < 300; ++i) requests += "greedy:" + kEndlessPuzzle + "\n";
  greedy.sendAll(requests);
  // It is at work for the first ones.
  const std::string first = greedy.receiveExactly(16);
  EXPECT_EQ(first, "greedy:TooHard\r\n");
  Peer modest(address());
  modest.sendAll("modest:" + kPuzzle + "\n");
  EXPECT_EQ(modest.receiveExactly(90), "modest:" + kSolution + "\r\n");
  greedy.shutdownWrite();
  EXPECT_LT(greedy.receiveSome().size(), std::size_t{100} * 16);
}

TEST_P(ComputeServerProcess, HoldsLittleForAClientThatAsksAndNeverReads) {
  // Answers that are ready at once, and longer than their questions.
  expectBounded("i:\n");
}

TEST_P(ComputeServerProcess, HoldsLittleForAClientThatAsksMoreThanCanBeComputed) {
  expectBounded("i:" + kEndlessPuzzle + "\n");
}

TEST_P(ComputeServerProcess, SurvivesClientsThatLeaveBeforeTheirAnswers) {
  start({"--compute-threads", "2"});
  for (int i = 0; i < 8; ++i) {
    Peer peer(address());
    std::string requests;
    for (int k = 0; k < 20; ++k) requests += "x:" + kEndlessPuzzle + "\n";
    peer.sendAll(requests);
    if (i % 2 == 0) peer.reset();
  }
  Peer peer(address());
  peer.sendAll("x:" + kPuzzle + "\n");
  EXPECT_EQ(peer.receiveExactly(85), "x:" + kSolution + "\r\n");
}

TERN_ON_EACH_PROGRAM_POLLER(ComputeServerProcess);

TEST(ComputeServerUsage, AnImpossibleNumberOfThreadsIsNamed) {
  for (const std::string bad : {"0", "-1", "many"}) {
    Process process(exampleProgram("compute_server"), {{"--compute-threads", bad}, {}, {}});
    EXPECT_EQ(process.wait(), 2);
    EXPECT_NE(process.errors().find("--compute-threads"), std::string::npos) << process.errors();
  }
}

}  // namespace
}  // namespace tern::testing
