// A broadcast by the whole tool, against servers that pass on to all and servers that do not.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "EchoServer.h"
#include "Outcome.h"

namespace tern::load {
namespace {

class BroadcastServer : public EchoServer {
 public:
  explicit BroadcastServer(Conduct conduct, std::size_t honestBytes = 0,
                           Reach reach = Reach::everyone)
      : EchoServer(conduct, honestBytes, "127.0.0.1", reach) {}
};

Outcome broadcast(const EchoServer& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--broadcast");
  return runAgainst(server.address(), std::move(arguments));
}

TEST(Broadcast, EveryConnectionVerifiesEveryMessageOfEverySizeAndDepth) {
  for (const char* mode : {"raw", "framed"}) {
    for (const char* size : {"1", "64", "4093", "300000"}) {
      for (const char* depth : {"1", "5"}) {
        const BroadcastServer server(Conduct::honest);
        const Outcome outcome = broadcast(
            server, {"--mode", mode, "--size", size, "--depth", depth, "--connections", "4"});
        SCOPED_TRACE(outcome.out + outcome.err);
        expectClean(outcome);
        const auto document = outcome.document();
        EXPECT_EQ(document["work"], "broadcast");
        EXPECT_GE(document["verified_bytes"].get<std::uint64_t>(),
                  document["requests"].get<std::uint64_t>() * std::stoul(size));
        EXPECT_GT(document["latency_us"]["min"], 0);
      }
    }
  }
}

TEST(Broadcast, CountsDeliveriesToAllConnections) {
  const BroadcastServer server(Conduct::honest);
  for (const char* connections : {"1", "2", "200"}) {
    const Outcome outcome = broadcast(server, {"--connections", connections});
    SCOPED_TRACE(outcome.out + outcome.err);
    expectClean(outcome);
  }
  const Outcome human =
      run({"--connect", server.address(), "--broadcast", "--seconds", "0.05", "--warmup", "0"});
  EXPECT_NE(human.out.find(" deliveries/s"), std::string::npos) << human.out;
}

TEST(Broadcast, AWrongByteIsAnErrorWhenItComesFirstAndLater) {
  for (const std::size_t honest : {0U, 10'000U}) {
    const BroadcastServer server(Conduct::corrupt, honest);
    const Outcome outcome = broadcast(server, {"--connections", "3", "--seconds", "60"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find(" of message "), std::string::npos) << outcome.err;
  }
}

TEST(Broadcast, ASurplusDeliveryIsAnError) {
  const BroadcastServer server(Conduct::repeat, 10'000);
  const Outcome outcome = broadcast(server, {"--connections", "3", "--seconds", "60"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("than it had received"), std::string::npos) << outcome.err;
}

TEST(Broadcast, TheEndOfTheFirstConnectionEndsTheRun) {
  for (const Conduct conduct : {Conduct::close, Conduct::reset}) {
    for (const std::size_t honest : {0U, 10'000U}) {
      const BroadcastServer server(conduct, honest);
      const Outcome outcome = broadcast(server, {"--connections", "3", "--seconds", "60"});
      EXPECT_EQ(outcome.status, 1);
      EXPECT_NE(outcome.err.find(" by the server"), std::string::npos) << outcome.err;
    }
  }
}

TEST(Broadcast, ASilentServerIsAnErrorAfterABoundedWait) {
  for (const std::size_t honest : {0U, 10'000U}) {
    const BroadcastServer server(Conduct::silent, honest);
    const Outcome outcome =
        broadcast(server, {"--connections", "3", "--seconds", "60", "--timeout", "0.1"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("no answer for 0.1"), std::string::npos) << outcome.err;
  }
}

TEST(Broadcast, AConnectionThatIsLeftOutIsAnError) {
  const BroadcastServer server(Conduct::honest, 0, Reach::butTheLast);
  const Outcome outcome =
      broadcast(server, {"--connections", "3", "--seconds", "60", "--timeout", "0.1"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("connection 2: no answer for 0.1"), std::string::npos) << outcome.err;
}

TEST(Broadcast, AServerThatOnlyEchoesIsAnError) {
  const EchoServer server(Conduct::honest);
  const Outcome outcome =
      broadcast(server, {"--connections", "3", "--seconds", "60", "--timeout", "0.1"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("connection 0: no answer for 0.1"), std::string::npos) << outcome.err;
}

TEST(Broadcast, CtrlCEndsItEarlyAndPrintsWhatThereIs) {
  const BroadcastServer server(Conduct::interrupt, 1000);
  const Outcome outcome = broadcast(server, {"--seconds", "60", "--warmup", "60"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.document()["interrupted"], true);
  EXPECT_LT(outcome.document()["seconds"], 60);
}

}  // namespace
}  // namespace tern::load
