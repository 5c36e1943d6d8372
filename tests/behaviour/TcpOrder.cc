// TcpOrder: sending from many threads: each thread's order is kept, and a connection that closes,
// or is long gone, does not mind.
#include <atomic>
#include <sstream>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kThreads = 4;

class TcpOrder : public ServerFixture {
 protected:
  // Threads that send on the connection, in every way, until stopped.
  class Senders {
   public:
    explicit Senders(const TcpConnectionPtr& connection) {
      for (int i = 0; i < kThreads; ++i) {
        threads_.emplace_back([this, connection] {
          const auto shared = std::make_shared<const std::string>(2'000, 's');
          while (!stop_) {
            connection->send("text");
            connection->send(std::string(2'000, 'm'));
            connection->send(shared);
            // A throttle: what is queued would grow without bound if the loop got no time to run.
            if (++rounds_ % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
          }
        });
      }
    }
    ~Senders() {
      stop_ = true;
      for (std::thread& thread : threads_) thread.join();
    }
    /// Waits until they have sent some more.
    void awaitProgress() {
      const int before = rounds_;
      EXPECT_TRUE(eventually([&] { return rounds_ > before + 10 * kThreads; }));
    }

   private:
    std::atomic<bool> stop_ = false;
    std::atomic<int> rounds_ = 0;
    std::vector<std::thread> threads_;
  };
};

TEST_P(TcpOrder, WhatAThreadSendsBeforeShutdownArrivesBeforeTheFin) {
  serveEcho();
  for (int round = 0; round < 10; ++round) {
    Peer peer(address());
    const TcpConnectionPtr connection = accepted();
    std::string all;
    for (int i = 0; i < 300; ++i) {
      const std::string record = std::to_string(i) + '\n';
      connection->send(record);
      all += record;
    }
    connection->shutdown();
    EXPECT_EQ(peer.receiveUntilEof(), all);
    peer.close();
    EXPECT_EQ(closed().reason, std::error_code());
  }
}

// Also where the first reply to one connection comes between two to another, and one is larger than
// a block has room for.
TEST_P(TcpOrder, OfEachConnectionIsKeptWhereOneCallbackSendsToSeveralInTurns) {
  constexpr int kRecords = 300;
  auto others = std::make_shared<std::vector<TcpConnectionPtr>>();
  const auto record = [](std::size_t to, int i) {
    const std::size_t length = i % 50 == 49 ? 3'000 : 10;
    return std::string(length, static_cast<char>('a' + to)) + std::to_string(i) + '\n';
  };
  serveMessages([=](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    for (int i = 0; i < kRecords; ++i) {
      connection->send(std::string_view(record(0, i)));
      for (std::size_t to = 0; to < others->size(); ++to) {
        (*others)[to]->send(std::string_view(record(to + 1, i)));
      }
    }
    others->clear();
  });
  Peer peer(address());
  accepted();
  Peer first(address());
  const TcpConnectionPtr toFirst = accepted();
  Peer second(address());
  const TcpConnectionPtr toSecond = accepted();
  runOnLoop([&] { *others = {toFirst, toSecond}; });
  peer.sendAll("?");
  std::string expected[3];
  for (std::size_t to = 0; to < 3; ++to) {
    for (int i = 0; i < kRecords; ++i) expected[to] += record(to, i);
  }
  EXPECT_EQ(peer.receiveExactly(expected[0].size()), expected[0]);
  EXPECT_EQ(first.receiveExactly(expected[1].size()), expected[1]);
  EXPECT_EQ(second.receiveExactly(expected[2].size()), expected[2]);
}

TEST_P(TcpOrder, OfEachOfFourThreadsIsKept) {
  constexpr int kRecords = 2'000;
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  std::vector<std::future<void>> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.push_back(std::async(std::launch::async, [t, connection] {
      for (int i = 0; i < kRecords; ++i) {
        std::string record = std::to_string(t) + ' ' + std::to_string(i) + '\n';
        if (i % 3 == 0) {
          connection->send(record);
        } else {
          connection->send(std::move(record));
        }
      }
    }));
  }
  auto finish = std::async(std::launch::async, [&] {
    for (auto& thread : threads) thread.get();
    connection->shutdown();
  });
  std::istringstream lines(peer.receiveUntilEof());
  finish.get();
  std::vector<int> next(kThreads, 0);
  int thread = 0;
  int record = 0;
  while (lines >> thread >> record) {
    ASSERT_LT(thread, kThreads);
    ASSERT_EQ(record, next[thread]++) << "of thread " << thread;
  }
  EXPECT_EQ(next, std::vector<int>(kThreads, kRecords));
}

TEST_P(TcpOrder, OfFunctorsAndSendsOfOneThreadIsKept) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  std::string all;
  for (int i = 0; i < 200; ++i) {
    connection->send("s" + std::to_string(i));
    loop().queueInLoop([connection, i] { connection->send("f" + std::to_string(i)); });
    all += "s" + std::to_string(i) + "f" + std::to_string(i);
  }
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), all);
}

TEST_P(TcpOrder, DoesNotMatterToAConnectionThatIsResetMeanwhile) {
  serveEcho();
  for (int round = 0; round < 5; ++round) {
    Peer peer(address());
    const TcpConnectionPtr connection = accepted();
    Senders senders(connection);
    peer.receiveExactly(10'000);
    peer.reset();
    EXPECT_TRUE(closed().reason);
    senders.awaitProgress();
  }
}

TEST_P(TcpOrder, DoesNotMatterToAConnectionThatIsClosedMeanwhile) {
  serveEcho();
  for (int round = 0; round < 5; ++round) {
    Peer peer(address());
    const TcpConnectionPtr connection = accepted();
    Senders senders(connection);
    peer.receiveExactly(10'000);
    connection->forceClose();
    EXPECT_EQ(closed().reason, std::error_code());
    senders.awaitProgress();
  }
}

TEST_P(TcpOrder, DoesNotMatterToAConnectionThatShutsDownMeanwhile) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  Senders senders(connection);
  peer.receiveExactly(10'000);
  connection->shutdown();
  peer.receiveUntilEof();
  senders.awaitProgress();
  peer.close();
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(TcpOrder, DoesNotMatterWhenTheServerEndsMeanwhile) {
  serve([](TcpServer& server) { server.setThreadNum(2); });
  Peer one(address());
  Peer two(address());
  Senders toOne(accepted());
  Senders toTwo(accepted());
  one.receiveExactly(10'000);
  two.receiveExactly(10'000);
  stopServer();
  toOne.awaitProgress();
  toTwo.awaitProgress();
  stop();
  toOne.awaitProgress();
  toTwo.awaitProgress();
}

TEST_P(TcpOrder, DoesNotMatterWhenTheLoopIsGone) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  stop();
  EXPECT_TRUE(connection->disconnected());
  EXPECT_FALSE(connection->connected());
  Buffer buffer;
  buffer.append("bytes");
  connection->send("text");
  connection->send(std::string(10'000, 'x'));
  connection->send(std::make_shared<const std::string>("shared"));
  connection->send(&buffer);
  connection->stopRead();
  connection->startRead();
  connection->shutdown();
  connection->forceClose();
  connection->forceCloseWithDelay(std::chrono::seconds(1));
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
  EXPECT_EQ(connection->id(), 1U);
  EXPECT_EQ(connection->peerAddress(), peer.localAddress());
}

TERN_ON_EACH_POLLER(TcpOrder);

}  // namespace
}  // namespace tern::testing
