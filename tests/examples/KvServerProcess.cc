// KvServerProcess: kv_server as a program, as clients of Redis see it.
#include <gtest/gtest.h>

#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

std::string command(const std::vector<std::string>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

void expectReply(Peer& peer, const std::string& request, const std::string& reply) {
  peer.sendAll(request);
  EXPECT_EQ(peer.receiveExactly(reply.size()), reply) << request;
}

class KvServerProcess : public ServerProgramFixture {
 protected:
  void start(const std::vector<std::string>& more = {}) {
    ServerProgramFixture::start("kv_server", more);
  }
};

TEST_P(KvServerProcess, RepliesAsRedisDoes) {
  start();
  Peer peer(address());
  const std::vector<std::pair<std::string, std::string>> dialogue{
      {"PING\r\n", "+PONG\r\n"},
      {"PING hello\r\n", "$5\r\nhello\r\n"},
      {"ECHO \"a b\"\r\n", "$3\r\na b\r\n"},
      {"GET a\r\n", "$-1\r\n"},
      {"SET a 1 EX 100\r\n", "+OK\r\n"},
      {"set a 2 nx\r\n", "$-1\r\n"},
      {"INCRBY a 41\r\n", ":42\r\n"},
      {"TTL a\r\n", ":100\r\n"},
      {"MSET b 2 c 3\r\n", "+OK\r\n"},
      {"MGET a b c d\r\n", "*4\r\n$2\r\n42\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n"},
      {"DBSIZE\r\n", ":3\r\n"},
      {"EXISTS a b b d\r\n", ":3\r\n"},
      {"DEL a b d\r\n", ":2\r\n"},
      {"SET c abc\r\n", "+OK\r\n"},
      {"INCR c\r\n", "-ERR value is not an integer or out of range\r\n"},
      {"SET c 1 EX 0\r\n", "-ERR invalid expire time in 'set' command\r\n"},
      {"SET c 1 NX XX\r\n", "-ERR syntax error\r\n"},
      {"GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n"},
      {"NONSENSE x\r\n", "-ERR unknown command 'NONSENSE', with args beginning with: 'x' \r\n"},
      {"CONFIG GET save\r\n", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"},
      {"CONFIG GET appendonly\r\n", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"},
      {"CONFIG FOO\r\n", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n"},
      {"SELECT 0\r\n", "+OK\r\n"},
      {"SELECT 1\r\n", "-ERR DB index is out of range\r\n"},
      {"HELLO 3\r\n", "-NOPROTO unsupported protocol version\r\n"},
      {"COMMAND DOCS\r\n", "*0\r\n"},
      {"CLIENT SETNAME me\r\n", "+OK\r\n"},
      {"CLIENT GETNAME\r\n", "$2\r\nme\r\n"},
      {"FLUSHALL\r\n", "+OK\r\n"},
      {"DBSIZE\r\n", ":0\r\n"},
  };
  for (const auto& [request, reply] : dialogue) expectReply(peer, request, reply);
  // The same in one piece.
  std::string requests;
  std::string replies;
  for (const auto& [request, reply] : dialogue) {
    requests += request;
    replies += reply;
  }
  expectReply(peer, requests, replies);
}

TEST_P(KvServerProcess, TakesCommandsByteByByte) {
  start();
  Peer peer(address());
  for (const char c : command({"SET", "key", "a\r\nb"}) + command({"GET", "key"}) + "GET key\r\n") {
    peer.sendAll({&c, 1});
  }
  const std::string reply = "+OK\r\n" + bulk("a\r\nb") + bulk("a\r\nb");
  EXPECT_EQ(peer.receiveExactly(reply.size()), reply);
}

TEST_P(KvServerProcess, AnswersPipelinedCommandsInOrder) {
  start();
  Peer peer(address());
  std::string requests;
  std::string replies;
  for (int i = 0; i < 20'000; ++i) {
    requests += command({"ECHO", std::to_string(i)});
    replies += bulk(std::to_string(i));
  }
  std::thread sender([&] { peer.sendAll(requests); });
  expectSameBytes(peer.receiveExactly(replies.size()), replies);
  sender.join();
}

TEST_P(KvServerProcess, KeepsLargeValues) {
  start();
  Peer peer(address());
  const std::string value = patternOf(16 * kMiB);
  std::thread sender([&] {
    peer.sendAll(command({"SET", "large", value}) + command({"GET", "large"}) + "PING\r\n");
  });
  expectSameBytes(peer.receiveExactly(5 + bulk(value).size() + 7),
                  "+OK\r\n" + bulk(value) + "+PONG\r\n");
  sender.join();
}

TEST_P(KvServerProcess, EndsAConnectionAfterAProtocolError) {
  start();
  for (const auto& [request, error] : std::vector<std::pair<std::string, std::string>>{
           {"*x\r\n", "invalid multibulk length"},
           {"*1\r\n$-1\r\n", "invalid bulk length"},
           {"*1\r\nx\r\n", "expected '$', got 'x'"},
           {"get \"x\r\n", "unbalanced quotes in request"},
           {std::string(70'000, 'x'), "too big inline request"}}) {
    Peer peer(address());
    peer.sendAll("PING\r\n" + request + "PING\r\n");
    EXPECT_EQ(peer.receiveUntilEof(), "+PONG\r\n-ERR Protocol error: " + error + "\r\n");
  }
}

TEST_P(KvServerProcess, QuitsWithAReplyAndNothingAfterIt) {
  start();
  Peer peer(address());
  peer.sendAll("SET a 1\r\nQUIT\r\nSET a 2\r\n");
  EXPECT_EQ(peer.receiveUntilEof(), "+OK\r\n+OK\r\n");
  Peer other(address());
  expectReply(other, "GET a\r\n", bulk("1"));
}

TEST_P(KvServerProcess, AnswersAClientThatEndsItsSendingFirst) {
  start();
  Peer peer(address());
  peer.sendAll("SET a 1\r\nGET a\r\nGET");
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "+OK\r\n" + bulk("1"));
}

TEST_P(KvServerProcess, SurvivesClientsThatLeaveInTheMiddle) {
  start();
  for (int i = 0; i < 50; ++i) {
    Peer peer(address());
    peer.sendAll(command({"SET", "a", std::string(1000, 'x')}) + "*3\r\n$3\r\nSET\r\n$100\r\nxy");
    if (i % 2 == 0) peer.reset();
  }
  Peer peer(address());
  expectReply(peer, "PING\r\n", "+PONG\r\n");
}

TEST_P(KvServerProcess, HoldsLittleForAClientThatPipelinesAndNeverReads) {
  start();
  Peer peer(address());
  expectReply(peer, command({"SET", "a", std::string(20'000, 'x')}), "+OK\r\n");
  const std::size_t before = residentBytes(process());
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += command({"GET", "a"});
  // The replies are a thousand times as long.
  EXPECT_LT(peer.sendUntilFull(requests, 32 * kMiB), 32 * kMiB);
  if (!kSanitized) {
    EXPECT_LT(residentBytes(process()), before + 16 * kMiB);
  }
  Peer other(address());
  expectReply(other, "PING\r\n", "+PONG\r\n");
}

TEST_P(KvServerProcess, GoesOnWhereItStoppedWhenTheClientReadsAgain) {
  start();
  Peer peer(address(), 64 * 1024);
  const std::string value = patternOf(100'000);
  expectReply(peer, command({"SET", "a", value}), "+OK\r\n");
  // The requests fit into what the server reads at once: when it goes on, nothing new arrives.
  std::string requests;
  for (int i = 0; i < 300; ++i) requests += command({"GET", "a"}) + command({"ECHO", "x"});
  peer.sendAll(requests);
  peer.shutdownWrite();
  const std::string replies = peer.receiveUntilEof();
  const std::string pair = bulk(value) + bulk("x");
  ASSERT_EQ(replies.size(), 300 * pair.size());
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_EQ(replies.compare(i * pair.size(), pair.size(), pair), 0) << i;
  }
}

TEST_P(KvServerProcess, SharesItsKeysBetweenThreads) {
  start({"--threads", "3"});
  std::vector<std::future<void>> clients;
  for (int c = 0; c < 6; ++c) {
    clients.push_back(std::async(std::launch::async, [this] {
      Peer peer(address());
      std::string requests;
      for (int i = 0; i < 1000; ++i) requests += "INCR counter\r\nMSET a 1 b 2\r\nDEL a b\r\n";
      peer.sendAll(requests + "QUIT\r\n");
      peer.receiveUntilEof();
    }));
  }
  for (std::future<void>& client : clients) client.get();
  Peer peer(address());
  expectReply(peer, "GET counter\r\n", bulk("6000"));
}

TEST_P(KvServerProcess, RemovesExpiredKeysThatNobodyAsksFor) {
  start();
  Peer peer(address());
  std::string requests;
  for (int i = 0; i < 5000; ++i) requests += "SET key" + std::to_string(i) + " x PX 1\r\n";
  std::thread sender([&] { peer.sendAll(requests); });
  peer.receiveExactly(std::size_t{5000} * 5);
  sender.join();
  EXPECT_TRUE(eventually([&] {
    peer.sendAll("DBSIZE\r\n");
    return peer.receiveSome() == ":0\r\n";
  }));
}

TEST_P(KvServerProcess, RefusesWritesAboveItsMemoryLimit) {
  start({"--maxmemory", "1MB"});
  Peer peer(address());
  const std::string set = "SET key";
  const std::string value(10'000, 'x');
  bool refused = false;
  for (int i = 0; i < 200 && !refused; ++i) {
    peer.sendAll(command({"SET", "key" + std::to_string(i), value}));
    refused = peer.receiveSome().starts_with("-OOM ");
  }
  EXPECT_TRUE(refused);
  expectReply(peer, "GET key0\r\n", bulk(value));
  expectReply(peer, "FLUSHALL\r\n", "+OK\r\n");
  expectReply(peer, "SET a 1\r\n", "+OK\r\n");
}

TEST_P(KvServerProcess, BoundsTheArgumentsOfACommand) {
  start({"--proto-max-bulk-len", "1000"});
  Peer peer(address());
  expectReply(peer, command({"ECHO", std::string(1000, 'x')}), bulk(std::string(1000, 'x')));
  peer.sendAll("*2\r\n$4\r\nECHO\r\n$1001\r\n");
  EXPECT_EQ(peer.receiveUntilEof(), "-ERR Protocol error: invalid bulk length\r\n");
}

TERN_ON_EACH_PROGRAM_POLLER(KvServerProcess);

TEST(KvServerUsage, ImpossibleLimitsAreNamed) {
  for (const auto& [option, value] :
       std::vector<std::pair<std::string, std::string>>{{"--maxmemory", "much"},
                                                        {"--maxmemory", "-1"},
                                                        {"--maxmemory", "99999999999999999999"},
                                                        {"--proto-max-bulk-len", "0"},
                                                        {"--proto-max-bulk-len", "1GB"}}) {
    Process process(exampleProgram("kv_server"), {{option, value}, {}, {}});
    EXPECT_EQ(process.wait(), 2);
    EXPECT_NE(process.errors().find(option), std::string::npos) << process.errors();
  }
}

}  // namespace
}  // namespace tern::testing
