// KvCommands: the engine of kv_server without its sockets: replies, time, memory, threads.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <latch>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "Commands.h"
#include "Integer.h"
#include "KeyHash.h"

namespace tern::kv {
namespace {

// A store and a client, at a time of the test's choice.
class Engine {
 public:
  explicit Engine(const Store::Options& options = {}) : store_(options) {}

  // The reply, with its line ends removed from the end. Words are separated by spaces.
  std::string run(const std::string& command) {
    std::istringstream in(command);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return runWords(std::vector<std::string_view>(words.begin(), words.end()));
  }
  std::string runWords(const std::vector<std::string_view>& words) {
    std::string out;
    Reply reply(out);
    Client client{1, {}, false};
    Call call{words, reply, store_, client, facts_, now};
    execute(call);
    tooLong = reply.tooLong();
    if (out.ends_with("\r\n")) out.resize(out.size() - 2);
    return out;
  }

  Store& store() { return store_; }

  Time now = 1'000'000;
  bool tooLong = false;

 private:
  Store store_;
  ServerFacts facts_;
};

TEST(KvCommands, KeysExpireWhenAskedForAndNotBefore) {
  Engine kv;
  EXPECT_EQ(kv.run("SET a 1 PX 100"), "+OK");
  kv.now += 100;
  EXPECT_EQ(kv.run("GET a"), "$1\r\n1");
  EXPECT_EQ(kv.run("PTTL a"), ":0");
  EXPECT_EQ(kv.run("DBSIZE"), ":1");
  kv.now += 1;
  EXPECT_EQ(kv.run("GET a"), "$-1");
  EXPECT_EQ(kv.run("DBSIZE"), ":0");
}

TEST(KvCommands, EveryCommandTreatsAnExpiredKeyAsAbsent) {
  const std::vector<std::pair<std::string, std::string>> replies{
      {"EXISTS a", ":0"},   {"DEL a", ":0"},       {"INCR a", ":1"},      {"TTL a", ":-2"},
      {"PTTL a", ":-2"},    {"STRLEN a", ":0"},    {"TYPE a", "+none"},   {"SETNX a 5", ":1"},
      {"MSETNX a 5", ":1"}, {"PERSIST a", ":0"},   {"EXPIRE a 10", ":0"}, {"MGET a", "*1\r\n$-1"},
      {"GETDEL a", "$-1"},  {"GETSET a 5", "$-1"}, {"SET a 5 XX", "$-1"}, {"SET a 5 NX", "+OK"},
  };
  for (const auto& [command, reply] : replies) {
    Engine kv;
    kv.run("SET a 1 PX 100");
    kv.now += 101;
    EXPECT_EQ(kv.run(command), reply) << command;
  }
}

TEST(KvCommands, WritingEndsTheTimeToLiveUnlessItIsKept) {
  Engine kv;
  kv.run("SET a 1 EX 100");
  EXPECT_EQ(kv.run("INCR a"), ":2");
  EXPECT_EQ(kv.run("TTL a"), ":100");
  kv.run("SET a 3 KEEPTTL");
  EXPECT_EQ(kv.run("TTL a"), ":100");
  kv.run("MSET a 4");
  EXPECT_EQ(kv.run("TTL a"), ":-1");
  kv.run("SET a 5 EX 10");
  kv.run("SET a 6");
  EXPECT_EQ(kv.run("TTL a"), ":-1");
  kv.now += 20'000;
  EXPECT_EQ(kv.run("GET a"), "$1\r\n6");
}

TEST(KvCommands, ExpireMovesTheTimeBothWays) {
  Engine kv;
  kv.run("SET a 1");
  for (const char* seconds : {"100", "5", "1000"}) {
    EXPECT_EQ(kv.run(std::string("EXPIRE a ") + seconds), ":1");
    EXPECT_EQ(kv.run("TTL a"), std::string(":") + seconds);
  }
  EXPECT_EQ(kv.run("EXPIRE a 100 GT"), ":0");
  EXPECT_EQ(kv.run("EXPIRE a 100 LT"), ":1");
  EXPECT_EQ(kv.run("EXPIRE a 1 NX"), ":0");
  EXPECT_EQ(kv.run("EXPIRE a 9000000000000000"), ":1");
  EXPECT_EQ(kv.run("TTL a"), ":9000000000000000");
  EXPECT_EQ(kv.run("EXPIRE a -1"), ":1");
  EXPECT_EQ(kv.run("EXISTS a"), ":0");
}

TEST(KvCommands, TheSweepRemovesWhatHasExpiredAndNotMoreThanItShall) {
  Engine kv;
  for (int i = 0; i < 1000; ++i) {
    kv.run("SET gone" + std::to_string(i) + " x PX " + std::to_string(1 + i % 50));
    kv.run("SET later" + std::to_string(i) + " x EX 1000");
    kv.run("SET stays" + std::to_string(i) + " x");
  }
  EXPECT_TRUE(kv.store().sweep(kv.now, 100));
  kv.now += 100;
  EXPECT_FALSE(kv.store().sweep(kv.now, 100));
  EXPECT_EQ(kv.run("DBSIZE"), ":2900");
  EXPECT_FALSE(kv.store().sweep(kv.now, 800));
  EXPECT_EQ(kv.run("DBSIZE"), ":2100");
  EXPECT_TRUE(kv.store().sweep(kv.now, 800));
  EXPECT_EQ(kv.run("DBSIZE"), ":2000");
  EXPECT_EQ(kv.store().totals().expiring, 1000U);
}

TEST(KvCommands, MemoryIsGivenBackWhateverWayKeysGo) {
  Engine kv;
  const std::size_t before = kv.store().usedMemory();
  const auto fill = [&] {
    for (int i = 0; i < 20'000; ++i) {
      const std::string key =
          "a key that is too long for a std::string's own memory" + std::to_string(i);
      const std::string value(static_cast<std::size_t>(i % 200), 'v');
      kv.runWords({"SET", key, value});
      if (i % 2 == 0) kv.runWords({"EXPIRE", key, "10"});
      if (i % 3 == 0) kv.runWords({"SET", key, "short"});
      if (i % 5 == 0) kv.runWords({"PERSIST", key});
    }
    EXPECT_GT(kv.store().usedMemory(), before + std::size_t{20'000} * 150);
  };
  fill();
  kv.run("FLUSHALL");
  EXPECT_EQ(kv.store().usedMemory(), before);

  fill();
  for (int i = 0; i < 20'000; ++i) {
    kv.runWords(
        {"DEL", "a key that is too long for a std::string's own memory" + std::to_string(i)});
  }
  kv.store().sweep(kv.now, 1);
  // What is left are buckets of tables that are not sparse yet.
  EXPECT_LT(kv.store().usedMemory(), before + Store::kShards * 1100 * sizeof(void*));
}

TEST(KvCommands, AValueThatBecomesSmallGivesItsMemoryBack) {
  Engine kv;
  kv.runWords({"SET", "a", std::string(1'000'000, 'x')});
  EXPECT_GT(kv.store().usedMemory(), 1'000'000U);
  kv.run("SET a 1");
  EXPECT_LT(kv.store().usedMemory(), 10'000U);
  EXPECT_EQ(kv.run("GET a"), "$1\r\n1");
}

TEST(KvCommands, AFullStoreRefusesWhatGrowsItAndNothingElse) {
  Engine kv({.concurrent = true, .maxMemory = 100'000});
  kv.runWords({"SET", "large", std::string(200'000, 'x')});
  const std::string refused = "-OOM command not allowed when used memory > 'maxmemory'.";
  for (const char* command : {"SET a 1", "MSET a 1", "INCR a", "GETSET a 1", "SETEX a 10 1"}) {
    EXPECT_EQ(kv.run(command), refused);
  }
  EXPECT_EQ(kv.run("STRLEN large"), ":200000");
  EXPECT_EQ(kv.run("EXPIRE large 10"), ":1");
  EXPECT_EQ(kv.run("EXISTS a"), ":0");
  EXPECT_EQ(kv.run("DEL large"), ":1");
  EXPECT_EQ(kv.run("SET a 1"), "+OK");
}

TEST(KvCommands, AFullStoreMakesRoomByForgettingWhatHasExpired) {
  Engine kv({.concurrent = true, .maxMemory = 100'000});
  kv.runWords({"SET", "large", std::string(200'000, 'x'), "PX", "10"});
  kv.now += 11;
  EXPECT_EQ(kv.run("SET a 1"), "+OK");
  EXPECT_EQ(kv.run("DBSIZE"), ":1");
}

TEST(KvCommands, AReplyThatWouldBeHugeIsCutOffAndMarked) {
  Engine kv;
  kv.runWords({"SET", "a", std::string(50'000'000, 'x')});
  std::vector<std::string_view> words(100'001, "a");
  words[0] = "MGET";
  EXPECT_LE(kv.runWords(words).size(), Reply::kMost);
  EXPECT_TRUE(kv.tooLong);
  kv.run("GET a");
  EXPECT_FALSE(kv.tooLong);
}

TEST(KvCommands, LineEndsInAnErrorCannotForgeAReply) {
  Engine kv;
  EXPECT_EQ(kv.runWords({"X\r\n+OK\r\n", "y\n"}),
            "-ERR unknown command 'X  +OK  ', with args beginning with: 'y ' ");
}

TEST(KvCommands, NumbersAreThoseThatRedisAccepts) {
  for (const char* text : {"0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808"}) {
    ASSERT_TRUE(parseInteger(text)) << text;
    EXPECT_EQ(Decimal(*parseInteger(text)).view(), text);
  }
  for (const char* text : {"", "-", "+1", "01", "-0", "00", "-01", " 1", "1 ", "1x", "x", "1.0",
                           "9223372036854775808", "-9223372036854775809", "0x1"}) {
    EXPECT_FALSE(parseInteger(text)) << text;
  }
}

TEST(KvCommands, TheHashIsSipHash) {
  // The example of its authors' paper, appendix A.
  std::string message;
  for (char c = 0; c < 15; ++c) message.push_back(c);
  const ReferenceHash hash(0x0706050403020100U, 0x0f0e0d0c0b0a0908U);
  EXPECT_EQ(hash(message), 0xa129ca6149be45e5U);
}

// --- threads ---

// All at once.
template <class Act>
void onThreads(int count, const Act& act) {
  std::latch start(count);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&start, &act, i] {
      start.arrive_and_wait();
      act(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(KvCommands, CountersOfSeveralThreadsLoseNothing) {
  Engine kv;
  onThreads(4, [&](int) {
    std::string out;
    for (int i = 0; i < 2000; ++i) {
      const std::string key = "counter" + std::to_string(i % 10);
      const std::vector<std::string_view> words{"INCR", key};
      Reply reply(out);
      Client client;
      const ServerFacts facts;
      Call call{words, reply, kv.store(), client, facts, kv.now};
      execute(call);
      out.clear();
    }
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(kv.run("GET counter" + std::to_string(i)), "$3\r\n800");
}

TEST(KvCommands, SeveralKeysAreSetAndReadAtOnce) {
  Engine kv;
  const auto run = [&](const std::vector<std::string_view>& words) {
    std::string out;
    Reply reply(out);
    Client client;
    const ServerFacts facts;
    Call call{words, reply, kv.store(), client, facts, kv.now};
    execute(call);
    return out;
  };
  run({"MSET", "a", "0", "b", "0", "c", "0", "d", "0"});
  onThreads(4, [&](int thread) {
    for (int i = 0; i < 20'000; ++i) {
      const std::string value = std::to_string(1 + (thread + i) % 9);
      if (thread < 2) {
        // In another order than the other thread: they must not wait for each other.
        if (thread == 0) run({"MSET", "a", value, "b", value, "c", value, "d", value});
        if (thread == 1) run({"MSET", "d", value, "c", value, "b", value, "a", value});
        continue;
      }
      const std::string reply = run({"MGET", "a", "b", "c", "d"});
      const std::string one = reply.substr(4, 7);  // behind "*4\r\n": "$1\r\n1\r\n"
      EXPECT_EQ(reply, "*4\r\n" + one + one + one + one);
    }
  });
}

TEST(KvCommands, ClearingAndSweepingGoOnBesideOtherThreads) {
  Engine kv({.concurrent = true, .maxMemory = std::size_t{1} << 40U});
  onThreads(4, [&](int thread) {
    for (int i = 0; i < 300; ++i) {
      if (thread == 0) {
        kv.store().clear();
      } else if (thread == 1) {
        kv.store().sweep(kv.now + i, 10);
      } else {
        const std::string name = "key" + std::to_string(i % 50);
        const Key key = kv.store().key(name);
        const auto shard = kv.store().lock(key);
        Shard::Entry* entry = shard->find(key, kv.now + i);
        if (entry == nullptr) entry = &shard->add(key, "value");
        shard->setExpiry(*entry, kv.now + i + 1);
      }
      EXPECT_LE(kv.store().totals().keys, 50U);
    }
  });
  kv.store().clear();
  EXPECT_EQ(kv.store().usedMemory(), 0U);
}

}  // namespace
}  // namespace tern::kv
