// Requests: what a handler gets, however the bytes came.
#include <stdexcept>
#include <thread>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

class HttpRequests : public HttpFixture {};

// With trailer fields, which say nothing any more.
const std::string kChunked =
    "POST /a?b=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\nA;ext=\"v\"\r\n 123456789\r\n0\r\nTrailer: t\r\nContent-Length: 5\r\n\r\n";
const std::string kChunkedText = "POST /a?b=c hello 123456789";

TEST_P(HttpRequests, MayBeSplitAtEveryByte) {
  serveMirror();
  HttpPeer peer(address());
  for (std::size_t at = 1; at < kChunked.size(); ++at) {
    peer.sendAll(std::string_view(kChunked).substr(0, at));
    letLoopTurn();
    peer.sendAll(kChunked.substr(at) + getRequest("/next"));
    ASSERT_EQ(peer.receive().body, kChunkedText) << at;
    ASSERT_EQ(peer.receive().body, "GET /next ") << at;
  }
}

TEST_P(HttpRequests, MayComeByteByByte) {
  serveMirror();
  HttpPeer peer(address());
  for (const char c : kChunked + postRequest("/p", "body") + "\r\n" + getRequest("/g")) {
    peer.sendAll({&c, 1});
    runOnLoop([] {});
  }
  EXPECT_EQ(peer.receive().body, kChunkedText);
  EXPECT_EQ(peer.receive().body, "POST /p body");
  EXPECT_EQ(peer.receive().body, "GET /g ");
}

TEST_P(HttpRequests, MayHaveLargeBodies) {
  http::Limits limits;
  limits.bodyBytes = std::size_t{32} << 20U;
  serveMirror(limits);
  const std::string body = patternOf(GetParam().isTiny() ? 50'000 : 5'000'000);
  std::string chunks;
  for (std::size_t at = 0; at < body.size(); at += 50'000)
    chunks += "C350\r\n" + body.substr(at, 50'000) + "\r\n";
  HttpPeer peer(address());
  std::thread sender([&] {
    peer.sendAll(postRequest("/l", body));
    peer.sendAll("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks +
                 "0\r\n\r\n");
  });
  expectSameBytes(peer.receive().body, "POST /l " + body);
  expectSameBytes(peer.receive().body, "POST /c " + body);
  sender.join();
}

TEST_P(HttpRequests, ShowTheirParts) {
  Mailbox<bool> done;
  serveHttp([&](http::Request& request, http::Responder responder) {
    EXPECT_EQ(request.method(), "OPTIONS");
    EXPECT_EQ(request.target(), "http://example.org:80/a%20b/%C3%A4?q=1&r=%20");
    EXPECT_EQ(request.path(), "/a%20b/%C3%A4");
    EXPECT_EQ(request.decodedPath(), "/a b/\xC3\xA4");
    EXPECT_EQ(request.query(), "q=1&r=%20");
    EXPECT_EQ(request.minorVersion(), 1);
    EXPECT_TRUE(request.keepAlive());
    EXPECT_EQ(request.fieldCount(), 6U);
    EXPECT_EQ(request.field(1).name, "X-One");
    EXPECT_EQ(request.field(1).value, "first");
    EXPECT_THROW(static_cast<void>(request.field(6)), std::out_of_range);
    EXPECT_EQ(request.header("x-oNE"), "first");
    EXPECT_EQ(request.header("X-Empty"), "");
    EXPECT_EQ(request.header("X-None"), std::nullopt);
    EXPECT_EQ(request.headers("x-one"),
              (std::vector<std::string_view>{"first", "second \t third"}));
    EXPECT_EQ(request.body(), "abc");
    EXPECT_TRUE(request.peerAddress().toIp() == "127.0.0.1");
    // It survives being copied and moved, and leaves the connection in order.
    const http::Request copy = request;
    const http::Request moved = std::move(request);
    EXPECT_EQ(copy.header("Host"), "example.org");
    EXPECT_EQ(moved.headers("X-One").at(1), "second \t third");
    EXPECT_EQ(moved.body(), "abc");
    responder.send(http::Response(200));
    done.put(true);
  });
  HttpPeer peer(address());
  for (int i = 0; i < 2; ++i) {
    peer.sendAll(
        "OPTIONS http://example.org:80/a%20b/%C3%A4?q=1&r=%20 HTTP/1.1\r\nHost: example.org\r\n"
        "X-One:first\r\nX-Empty:  \r\nx-one: \t second \t third \t\r\nContent-Length: 003\r\n"
        "X-Text: \xE4\r\n\r\nabc");
    EXPECT_EQ(peer.receive().status, 200);
    EXPECT_TRUE(done.take());
  }
}

TEST_P(HttpRequests, OfOddButGoodFormAreTaken) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll("\r\n\r\nOPTIONS * HTTP/1.1\r\nHost:\r\n\r\n");
  EXPECT_EQ(peer.receive().body, "OPTIONS * ");
  peer.sendAll(
      "GET http://h HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(peer.receive().body, "GET http://h ");
  peer.sendAll("PATCH /%zz?%? HTTP/1.1\r\nHost: a_b.c-d\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(peer.receive().body, "PATCH /%zz?%? ");
  peer.sendAll(getRequest("/last"));
  EXPECT_EQ(peer.receive().body, "GET /last ");
}

TEST_P(HttpRequests, WithAnUpgradeAndABodyGiveTheirBody) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(
      "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\nContent-Length: "
      "3\r\n\r\nabc" +
      getRequest("/2"));
  EXPECT_EQ(peer.receive().body, "POST / abc");
  EXPECT_EQ(peer.receive().body, "GET /2 ");
}

TEST_P(HttpRequests, AreServedOnSeveralLoops) {
  serveHttp([](const http::Request& request,
               http::Responder responder) { responder.send(http::Response(200, request.body())); },
            {}, 3);
  std::vector<std::unique_ptr<HttpPeer>> peers;
  for (int i = 0; i < 12; ++i) peers.push_back(std::make_unique<HttpPeer>(address()));
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
      peers[i]->sendAll(postRequest("/", "body " + std::to_string(i)));
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
      EXPECT_EQ(peers[i]->receive().body, "body " + std::to_string(i));
    }
  }
}

TERN_ON_EACH_POLLER(HttpRequests);

}  // namespace
}  // namespace tern::testing
