// TcpSend: every form of send(), small and large, alone and mixed, brings over the same bytes.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <random>
#include <thread>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class TcpSend : public ServerFixture {
 protected:
  // A connection that `peer_` reads from.
  TcpConnectionPtr connect() {
    serveEcho();
    peer_.emplace(address());
    return accepted();
  }

  // Sends pieces of random sizes in random forms; returns what the peer shall get.
  static std::string sendMixture(const TcpConnectionPtr& connection, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string all;
    for (unsigned i = 0; i < 300; ++i) {
      // Small ones coalesce, those above 1 KiB may stay chunks of their own.
      const std::size_t size = random() % (i % 20 == 0 ? 100'000U : 1'500U);
      std::string piece = patternOf(size, i + 1);
      all += piece;
      switch (random() % 6) {
        case 0:
          connection->send(std::string_view(piece));
          break;
        case 1:
          connection->send(piece.data(), piece.size());
          break;
        case 2:
          connection->send(std::move(piece));
          break;
        case 3: {
          Buffer buffer;
          buffer.append(piece);
          connection->send(&buffer);
          EXPECT_TRUE(buffer.empty());
          break;
        }
        case 4:
          connection->send(std::make_shared<const std::string>(std::move(piece)));
          break;
        default: {
          const char text[] = "a plain text, up to its NUL";
          all.resize(all.size() - piece.size());
          all += text;
          connection->send(text);
        }
      }
    }
    return all;
  }

  std::optional<Peer> peer_;
};

TEST_P(TcpSend, OfAViewCopiesTheBytes) {
  const TcpConnectionPtr connection = connect();
  runOnLoop([&] {
    std::string bytes("with \0 inside", 13);
    connection->send(std::string_view(bytes));
    bytes.assign(13, '!');
  });
  EXPECT_EQ(peer_->receiveExactly(13), std::string("with \0 inside", 13));
}

TEST_P(TcpSend, OfAViewFromAnotherThreadCopiesTheBytes) {
  const TcpConnectionPtr connection = connect();
  {
    const LoopHold hold(loop());
    std::string bytes = "gone before the loop gets to it";
    connection->send(std::string_view(bytes));
    bytes.assign(bytes.size(), '!');
  }
  EXPECT_EQ(peer_->receiveExactly(31), "gone before the loop gets to it");
}

TEST_P(TcpSend, OfABufferRetrievesAllOfIt) {
  const TcpConnectionPtr connection = connect();
  Buffer buffer;
  buffer.append("a buffer");
  connection->send(&buffer);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(peer_->receiveExactly(8), "a buffer");
}

TEST_P(TcpSend, OfASharedStringServesManyConnections) {
  serveEcho();
  const auto news = std::make_shared<const std::string>(patternOf(100'000));
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    accepted()->send(news);
  }
  for (const auto& peer : peers) expectSameBytes(peer->receiveExactly(news->size()), *news);
  // Nobody holds it once all have it.
  EXPECT_TRUE(eventually([&] { return news.use_count() == 1; }));
}

TEST_P(TcpSend, OfNothingIsNothing) {
  const TcpConnectionPtr connection = connect();
  Buffer empty;
  runOnLoop([&] {
    connection->send("");
    connection->send(std::string_view());
    connection->send(std::string());
    connection->send(&empty);
    connection->send(std::make_shared<const std::string>());
    connection->send(nullptr, 0);
    EXPECT_EQ(connection->outputBytes(), 0U);
  });
  connection->send("something");
  EXPECT_EQ(peer_->receiveExactly(9), "something");
}

TEST_P(TcpSend, OfAMixtureInAFunctorKeepsItsOrder) {
  const std::uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << '\n';
  const TcpConnectionPtr connection = connect();
  const std::string all = runOnLoop([&] { return sendMixture(connection, seed); });
  connection->shutdown();
  expectSameBytes(peer_->receiveUntilEof(), all);
}

TEST_P(TcpSend, OfAMixtureInItsOwnCallbackKeepsItsOrder) {
  const std::uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << '\n';
  Mailbox<std::string> sent;
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    sent.put(sendMixture(connection, seed));
    connection->shutdown();
  });
  Peer peer(address());
  peer.sendAll("x");
  expectSameBytes(peer.receiveUntilEof(), sent.take());
}

TEST_P(TcpSend, OfNothingInItsOwnCallbackIsNothing) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->send(std::string_view());
    connection->send("");
    EXPECT_EQ(connection->outputBytes(), 0U);
    connection->send("some");
    connection->send(std::string_view());
    connection->send("thing");
  });
  Peer peer(address());
  peer.sendAll("x");
  EXPECT_EQ(peer.receiveExactly(9), "something");
}

TEST_P(TcpSend, AfterShutdownOrCloseInItsOwnCallbackIsDropped) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    const bool orderly = buffer->retrieveAllAsString() == "s";
    connection->send("be");
    connection->send("fore");
    orderly ? connection->shutdown() : connection->forceClose();
    connection->send("after");
    EXPECT_EQ(connection->outputBytes(), 6U);
  });
  Peer first(address());
  first.sendAll("s");
  EXPECT_EQ(first.receiveUntilEof(), "before");
  Peer second(address());
  second.sendAll("c");
  EXPECT_THAT(second.receiveUntilEof(), ::testing::Not(::testing::HasSubstr("after")));
}

TEST_P(TcpSend, OfOtherThreadsWhileItsOwnCallbackSendsLosesNothing) {
  constexpr int kEach = 20'000;
  std::atomic<bool> begun = false;
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    begun = true;
    for (int i = 0; i < kEach; ++i) connection->send("a");
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  auto other = std::async(std::launch::async, [&] {
    while (!begun) std::this_thread::yield();
    for (int i = 0; i < kEach; ++i) connection->send("b");
  });
  peer.sendAll("x");
  const std::string all = peer.receiveExactly(2 * kEach);
  other.get();
  EXPECT_EQ(std::count(all.begin(), all.end(), 'a'), kEach);
}

TEST_P(TcpSend, OfAMixtureFromAnotherThreadKeepsItsOrder) {
  const std::uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << '\n';
  const TcpConnectionPtr connection = connect();
  const std::string all = sendMixture(connection, seed);
  connection->shutdown();
  expectSameBytes(peer_->receiveUntilEof(), all);
}

TEST_P(TcpSend, OfManySharedChunksWithOthersBetweenKeepsTheirOrder) {
  // More chunks than one gathering send takes.
  const TcpConnectionPtr connection = connect();
  const auto shared = std::make_shared<const std::string>(patternOf(2'000, 7));
  const std::string own = patternOf(1'100, 8);
  std::string all;
  runOnLoop([&] {
    for (int i = 0; i < 200; ++i) {
      connection->send(shared);
      connection->send(std::string(own));
      connection->send("|");
      all += *shared + own + '|';
    }
  });
  expectSameBytes(peer_->receiveExactly(all.size()), all);
}

TEST_P(TcpSend, AfterShutdownOrCloseIsDropped) {
  const TcpConnectionPtr connection = connect();
  runOnLoop([&] {
    connection->send("before");
    connection->shutdown();
    connection->send("after");
    connection->send(std::string(100'000, 'x'));
    connection->send(std::make_shared<const std::string>(100'000, 'x'));
    EXPECT_LE(connection->outputBytes(), 6U);
  });
  EXPECT_EQ(peer_->receiveUntilEof(), "before");
  peer_->close();
  EXPECT_EQ(closed().reason, std::error_code());
  connection->send("late");
  runOnLoop([&] {
    connection->send(std::string(100'000, 'x'));
    EXPECT_EQ(connection->outputBytes(), 0U);
  });
}

TERN_ON_EACH_POLLER(TcpSend);

}  // namespace
}  // namespace tern::testing
