// SandboxServing: a server whose filter kills it for any system call that is not on its list serves
// whatever comes, and ends in order: so the list is complete. `examples/sandbox/derive` watches
// these tests to tell what should be on it.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/Peers.h"
#include "support/ServerFixture.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

// One line of the length, its end included.
std::string lineOf(std::size_t length) {
  std::string line = patternOf(length);
  for (char& each : line) {
    if (each == '\n' || each == '\r') each = '.';
  }
  line.back() = '\n';
  return line;
}

void expectEcho(Peer& peer, const std::string& line) {
  std::thread sender([&] {
    try {
      peer.sendAll(line);
    } catch (const std::runtime_error&) {  // it shows below
    }
  });
  try {
    expectSameBytes(peer.receiveExactly(line.size()), line);
  } catch (const std::runtime_error& error) {
    ADD_FAILURE() << error.what();
  }
  sender.join();
}

bool isServed(Peer& peer) {
  peer.sendNow("x\n");
  try {
    return peer.receiveSome(2) == "x\n";
  } catch (const std::runtime_error&) {
    return false;  // a reset
  }
}

std::vector<std::unique_ptr<Peer>> connectMany(const SocketAddress& server, std::size_t count) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::size_t i = 0; i < count; ++i) peers.push_back(std::make_unique<Peer>(server));
  return peers;
}

// Whatever is denied kills the server, and TearDown() then finds that it did not end with 0.
class SandboxServing : public ServerProgramFixture {
 protected:
  void startInSandbox(std::vector<std::string> more = {},
                      const std::function<void()>& beforeExec = {}) {
    // Whoever derives the list has the server go on, and counts.
    const char* violation = std::getenv("TERN_TEST_VIOLATION");
    more.insert(more.end(), {"--violation", violation != nullptr ? violation : "kill"});
    start("sandbox_server", more, beforeExec);
  }

  void expectServing() {
    Peer peer(address());
    expectEcho(peer, "still here\n");
  }
};

TEST_P(SandboxServing, SmallLinesAndLinesOfAMegabyte) {
  startInSandbox();
  Peer peer(address());
  expectEcho(peer, "hello\n");
  for (int i = 0; i < 4; ++i) expectEcho(peer, lineOf(std::size_t{1} << 20U));
  for (int i = 0; i < 100; ++i) expectEcho(peer, "hello again\n");
}

TEST_P(SandboxServing, APeerThatHasFinishedWriting) {
  startInSandbox();
  Peer peer(address());
  peer.sendAll("hello\n");
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "hello\n");
}

TEST_P(SandboxServing, PeersThatResetTheirConnections) {
  startInSandbox();
  for (int i = 0; i < 10; ++i) {
    Peer peer(address());
    expectEcho(peer, "hello\n");
    if (i % 2 == 0) peer.sendNow(lineOf(std::size_t{1} << 20U));
    peer.reset();
  }
  expectServing();
}

TEST_P(SandboxServing, APeerThatReadsOnlyLater) {
  startInSandbox();
  Peer peer(address());
  const std::string line = lineOf(std::size_t{1} << 18U);
  const std::size_t sent = peer.sendUntilFull(line, std::size_t{32} << 20U);
  EXPECT_LT(sent, std::size_t{32} << 20U);
  peer.shutdownWrite();
  // The last line may be cut off, and is then no line.
  const std::size_t whole = sent - sent % line.size();
  EXPECT_EQ(peer.receiveExactly(whole).size(), whole);
}

TEST_P(SandboxServing, IdleConnectionsWhichItCloses) {
  startInSandbox({"--idle", "0.2"});
  Peer peer(address());
  expectEcho(peer, "hello\n");
  EXPECT_EQ(peer.receiveUntilEof(), "");
}

TEST_P(SandboxServing, ManyConnectionsOnManyThreads) {
  startInSandbox({"--threads", "20"});
  for (int round = 0; round < 3; ++round) {
    const auto peers = connectMany(address(), 200);
    for (const auto& peer : peers) peer->sendAll("hello\n");
    for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(6), "hello\n");
  }
}

TEST_P(SandboxServing, MegabytesOnThreadsThatFreeThemAgain) {
  startInSandbox({"--threads", "2"});
  const std::string line = lineOf(std::size_t{1} << 20U);
  for (int round = 0; round < 3; ++round) {
    const auto peers = connectMany(address(), 8);
    for (const auto& peer : peers) expectEcho(*peer, line);
  }
  expectServing();
}

// What is small comes from the threads' heaps, which shrink when all of it is free again.
TEST_P(SandboxServing, BeginningsOfLinesByTheHundredOnThreads) {
  startInSandbox({"--threads", "2"});
  const std::string beginning = lineOf(1000).substr(0, 900);
  for (int round = 0; round < 3; ++round) {
    const auto peers = connectMany(address(), 800);
    for (const auto& peer : peers) peer->sendAll(beginning);
    for (const auto& peer : peers) peer->sendAll("\n");
    for (const auto& peer : peers) EXPECT_EQ(peer->receiveExactly(901), beginning + "\n");
  }
  expectServing();
}

TEST_P(SandboxServing, AListenerForEachThread) {
  startInSandbox({"--threads", "3", "--reuse-port"});
  const auto peers = connectMany(address(), 60);
  for (const auto& peer : peers) expectEcho(*peer, "hello\n");
}

TEST_P(SandboxServing, WhomItCanWhenItRunsOutOfDescriptors) {
  startInSandbox({}, [] {
    const rlimit few{40, 40};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  auto peers = connectMany(address(), 100);
  std::erase_if(peers, [](const auto& peer) { return !isServed(*peer); });
  EXPECT_GT(peers.size(), 10U);
  EXPECT_LT(peers.size(), 40U);
  // Again, with the reserve that the first shortage took and made anew.
  auto late = connectMany(address(), 20);
  std::erase_if(late, [](const auto& peer) { return !isServed(*peer); });
  EXPECT_LT(peers.size() + late.size(), 40U);
  peers.clear();
  late.clear();
  EXPECT_TRUE(eventually([&] {
    Peer peer(address());
    return isServed(peer);
  }));
  EXPECT_NE(end().find("can't accept"), std::string::npos);
}

TEST_P(SandboxServing, OnAfterItWasStoppedAndContinued) {
  startInSandbox({"--threads", "2"});
  Peer peer(address());
  for (int i = 0; i < 3; ++i) {
    process().signal(SIGSTOP);
    peer.sendAll("hello\n");
    process().signal(SIGCONT);
    EXPECT_EQ(peer.receiveExactly(6), "hello\n");
  }
}

TEST_P(SandboxServing, ToTheEndThosePeersThatItDrains) {
  startInSandbox({"--threads", "3"});
  const auto peers = connectMany(address(), 9);
  for (const auto& peer : peers) expectEcho(*peer, "hello\n");
  process().signal(SIGTERM);
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
  for (const auto& peer : peers) peer->close();
  awaitEnd();
}

TEST_P(SandboxServing, NobodyAnyMoreAfterASecondSignal) {
  startInSandbox({"--threads", "3", "--reuse-port"});
  const auto peers = connectMany(address(), 9);
  for (const auto& peer : peers) expectEcho(*peer, "hello\n");
  process().signal(SIGINT);
  for (const auto& peer : peers) EXPECT_EQ(peer->receiveUntilEof(), "");
  process().signal(SIGINT);
  awaitEnd();
}

TERN_ON_EACH_PROGRAM_POLLER(SandboxServing);

}  // namespace
}  // namespace tern::testing
