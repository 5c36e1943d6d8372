// Continue: who waits with a body is told to go on once, and only if the body is wanted.
#include <optional>
#include <stdexcept>
#include <utility>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

const std::string kHead = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n";

class HttpContinue : public HttpFixture {};

TEST_P(HttpContinue, ComesBeforeTheBody) {
  serveMirror();
  HttpPeer peer(address());
  for (int i = 0; i < 2; ++i) {
    peer.sendAll(kHead + "Content-Length: 4\r\n\r\n");
    EXPECT_EQ(peer.receive().head, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.sendAll("body");
    EXPECT_EQ(peer.receive().body, "POST / body");
  }
}

TEST_P(HttpContinue, ComesBeforeABodyInChunks) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(kHead + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 100);
  peer.sendAll("4\r\nbody\r\n0\r\n\r\n");
  EXPECT_EQ(peer.receive().body, "POST / body");
}

TEST_P(HttpContinue, IsLeftOutForABodyThatIsThere) {
  if (GetParam().isTiny()) GTEST_SKIP() << "eight bytes at a time, it is not there";
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(kHead + "Content-Length: 4\r\n\r\nbody");
  EXPECT_EQ(peer.receive().body, "POST / body");
}

TEST_P(HttpContinue, IsLeftOutWithoutABody) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(kHead + "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 200);
}

TEST_P(HttpContinue, IsNotForABodyThatIsTooLarge) {
  http::Limits limits;
  limits.bodyBytes = 3;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll(kHead + "Content-Length: 4\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 413);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpContinue, IsNotForHttp10) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  letLoopTurn();
  peer.sendAll("body");
  EXPECT_EQ(peer.receive().body, "POST / body");
}

TEST_P(HttpContinue, WaitsForTheRepliesBeforeIt) {
  serveHttp([this](const http::Request& request, http::Responder responder) {
    if (request.method() == "GET") {
      responders.put(std::make_shared<http::Responder>(std::move(responder)));
    } else {
      responder.send(http::Response(200, request.body()));
    }
  });
  HttpPeer peer(address());
  peer.sendAll(getRequest() + kHead + "Content-Length: 4\r\n\r\n");
  const auto responder = responders.take();
  letLoopTurn();
  responder->send(http::Response(200, "first"));
  EXPECT_EQ(peer.receive().body, "first");
  EXPECT_EQ(peer.receive().status, 100);
  peer.sendAll("body");
  EXPECT_EQ(peer.receive().body, "body");
}

TEST_P(HttpContinue, IsUpToTheAdmission) {
  admission = [](const http::Request& head) -> std::optional<http::Response> {
    if (head.path() == "/throws") throw std::runtime_error("no admission");
    if (head.header("Authorization") == "me") return std::nullopt;
    return http::Response(401, "who?");
  };
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(kHead + "Authorization: me\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 100);
  peer.sendAll("body");
  EXPECT_EQ(peer.receive().body, "POST / body");
  peer.sendAll(kHead + "Content-Length: 4\r\n\r\nbody" + getRequest("/behind"));
  const Reply reply = peer.receive();
  EXPECT_EQ(reply.status, 401);
  EXPECT_TRUE(reply.hasLine("Connection: close"));
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(requests.total(), 1U);
  HttpPeer other(address());
  other.sendAll(postRequest("/throws", "body"));
  EXPECT_EQ(other.receive().status, 500);
  EXPECT_EQ(other.rest(), "");
}

TERN_ON_EACH_POLLER(HttpContinue);

}  // namespace
}  // namespace tern::testing
