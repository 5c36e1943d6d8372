// Pipelining: replies come in the order of the requests, whenever and wherever they are made.
#include <algorithm>
#include <thread>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

class HttpPipelining : public HttpFixture {};

std::string requestsUpTo(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += getRequest("/" + std::to_string(i));
  return bytes;
}

void expectReplies(HttpPeer& peer, int count, const std::string& prefix) {
  for (int i = 0; i < count; ++i) EXPECT_EQ(peer.receive().body, prefix + std::to_string(i));
}

TEST_P(HttpPipelining, IsAnsweredInOrder) {
  serveHttp([](const http::Request& request, http::Responder responder) {
    responder.send(http::Response(200, std::string(request.path())));
  });
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(200));
  expectReplies(peer, 200, "/");
}

TEST_P(HttpPipelining, WithLateRepliesInReverseIsAnsweredInOrder) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(20));
  std::vector<std::shared_ptr<http::Responder>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(responders.take());
  for (int i = 19; i >= 0; --i) {
    const std::string body = "late " + std::to_string(i);
    if (i % 2 == 0) {
      runOnLoop([&] { waiting[i]->send(http::Response(200, body)); });
    } else {
      waiting[i]->send(http::Response(200, body));
    }
  }
  expectReplies(peer, 20, "late ");
}

TEST_P(HttpPipelining, WithRepliesInPiecesFromManyThreadsIsAnsweredInOrder) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(16));
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([i, responder = responders.take()] {
      responder->start(http::Response(200),
                       i % 3 == 0 ? std::optional(std::uint64_t{8000}) : std::nullopt);
      for (int piece = 0; piece < 8; ++piece) {
        responder->write(std::string(1000, static_cast<char>('a' + i)));
      }
      responder->finish();
    });
  }
  for (int i = 0; i < 16; ++i) {
    expectSameBytes(peer.receive().body, std::string(8000, static_cast<char>('a' + i)));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(HttpPipelining, LargeRepliesHeldBackAreNotChanged) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(4));
  std::vector<std::shared_ptr<http::Responder>> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(responders.take());
  const auto shared = std::make_shared<const std::string>(patternOf(200'000, 7));
  waiting[3]->send(http::Response(200).setBody(shared));
  waiting[2]->send(http::Response(200, patternOf(100'000, 2)));
  waiting[1]->send(http::Response(200).setBody(shared));
  waiting[0]->send(http::Response(200, patternOf(300'000, 3)));
  expectSameBytes(peer.receive().body, patternOf(300'000, 3));
  expectSameBytes(peer.receive().body, *shared);
  expectSameBytes(peer.receive().body, patternOf(100'000, 2));
  expectSameBytes(peer.receive().body, *shared);
}

TEST_P(HttpPipelining, BeyondTheLimitWaitsUntilRepliesMakeRoom) {
  http::Limits limits;
  limits.pipelined = 3;
  serveHttp(keepResponders(), limits);
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(10));
  const TcpConnectionPtr connection = accepted();
  responders.awaitTotal(3);
  letLoopTurn();
  EXPECT_EQ(responders.total(), 3U);
  EXPECT_FALSE(runOnLoop([&] { return connection->isReading(); }));
  for (int i = 0; i < 10; ++i) {
    responders.take()->send(http::Response(200, std::to_string(i)));
    EXPECT_EQ(peer.receive().body, std::to_string(i));
    responders.awaitTotal(std::min<std::size_t>(10, i + 4));
  }
  EXPECT_TRUE(eventually([&] { return runOnLoop([&] { return connection->isReading(); }); }));
}

TEST_P(HttpPipelining, OfAClientThatNeverReadsCostsBoundedMemory) {
  http::Limits limits;
  limits.highMark = 100'000;
  limits.lowMark = 10'000;
  serveHttp(
      [this](const http::Request&, http::Responder responder) {
        requests.put("");
        responder.send(http::Response(200, std::string(10'000, 'x')));
      },
      limits);
  HttpPeer peer(address(), 4096);
  const TcpConnectionPtr connection = accepted();
  const std::string request = getRequest();
  // As much as the server takes, up to far more than its limits and the kernel's buffers.
  std::size_t sent = 0;
  for (; sent < 2000; ++sent) {
    if (peer.sendNow(request) != static_cast<long>(request.size())) break;
  }
  ASSERT_TRUE(eventually([&] { return runOnLoop([&] { return !connection->isReading(); }); }));
  EXPECT_LT(runOnLoop([&] { return connection->outputBytes(); }), 100'000U + 11'000U);
  EXPECT_LT(requests.total(), 1500U);
  // Reading at last, it gets all.
  for (std::size_t i = 0; i < sent; ++i) ASSERT_EQ(peer.receive().body.size(), 10'000U);
}

TEST_P(HttpPipelining, HeldBackBeyondTheOutputLimitCloses) {
  http::Limits limits;
  limits.outputBytes = 100'000;
  limits.highMark = 50'000;
  limits.lowMark = 10'000;
  serveHttp(keepResponders(), limits);
  HttpPeer peer(address());
  peer.sendAll(requestsUpTo(2));
  const auto first = responders.take();
  responders.take()->send(http::Response(200, std::string(200'000, 'x')));
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
  closed();
  first->send(http::Response(200, "too late"));
}

TEST_P(HttpPipelining, RepliesOfOneCallbackLeaveTogether) {
  serveHttp([](const http::Request&, http::Responder responder) {
    responder.send(http::Response(200, "x"));
  });
  HttpPeer peer(address());
  peer.get();
  peer.receive();
  const auto sends = [&] { return runOnLoop([&] { return loop().poller().stats().sends; }); };
  const auto before = sends();
  {
    const LoopHold hold(loop());
    peer.sendAll(requestsUpTo(10));
  }
  for (int i = 0; i < 10; ++i) peer.receive();
  // With receive buffers of eight bytes each request is a callback of its own.
  EXPECT_LE(sends() - before, GetParam().isTiny() ? 10U : 1U);
}

TERN_ON_EACH_POLLER(HttpPipelining);

}  // namespace
}  // namespace tern::testing
