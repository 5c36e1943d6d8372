// Deadlines: for a whole head, a whole body, and the time in between. Tests wait for what happens;
// a deadline that never comes fails them by their patience.
#include <sys/socket.h>

#include <chrono>
#include <string_view>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kShort = 50ms;

class HttpDeadlines : public HttpFixture {
 protected:
  // So long that a test never meets it.
  static http::Limits patient() {
    http::Limits limits;
    limits.headTimeout = limits.bodyTimeout = limits.idleTimeout = limits.lingerTimeout = 1h;
    return limits;
  }
  // Sends a byte now and then until the server has had enough.
  static void trickle(HttpPeer& peer, std::string_view bytes) {
    std::size_t at = 0;
    ASSERT_TRUE(eventually([&] {
      const long n = peer.sendNow(bytes.substr(at++ % bytes.size(), 1));
      char byte = 0;
      return n < 0 || ::recv(peer.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    }));
  }
};

TEST_P(HttpDeadlines, OfTheHeadEndsAClientThatSendsNothing) {
  http::Limits limits = patient();
  limits.headTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpDeadlines, OfTheHeadIsForAllOfIt) {
  http::Limits limits = patient();
  limits.headTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll("GET / HTTP/1.1\r\nX: ");
  // Each byte comes well within the time.
  trickle(peer, "x");
  const Reply reply = peer.receive();
  EXPECT_EQ(reply.status, 408);
  EXPECT_TRUE(reply.hasLine("Connection: close"));
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(requests.total(), 0U);
}

TEST_P(HttpDeadlines, OfTheHeadCountsAlsoBehindARequest) {
  http::Limits limits = patient();
  limits.headTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll(getRequest() + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(peer.receive().status, 200);
  EXPECT_EQ(peer.receive().status, 408);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpDeadlines, OfTheHeadDoesNotCountBetweenRequests) {
  http::Limits limits = patient();
  limits.headTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive().status, 200);
  // Several times as long passes, by the loop's own clock.
  statsOfTicks(4, kShort);
  peer.get();
  EXPECT_EQ(peer.receive().status, 200);
  // And a head whose time begins anew each time, in all longer than one of them may take.
  for (int i = 0; i < 8; ++i) {
    peer.sendAll("GET / HTTP/1.1\r\n");
    letLoopTurn();
    peer.sendAll("Host: a\r\n\r\n");
    EXPECT_EQ(peer.receive().status, 200);
    statsOfTicks(1, kShort / 4);
  }
}

TEST_P(HttpDeadlines, OfTheBodyIsForAllOfIt) {
  http::Limits limits = patient();
  limits.bodyTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  trickle(peer, "x");
  EXPECT_EQ(peer.receive().status, 408);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpDeadlines, BetweenRequestsClosesWithoutAWord) {
  http::Limits limits = patient();
  limits.idleTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive().status, 200);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpDeadlines, BetweenRequestsDoesNotCountWhileAReplyIsDue) {
  http::Limits limits = patient();
  limits.idleTimeout = kShort;
  serveHttp(keepResponders(), limits);
  HttpPeer peer(address());
  peer.get();
  const auto responder = responders.take();
  statsOfTicks(4, kShort);
  responder->send(http::Response(200, "late"));
  EXPECT_EQ(peer.receive().body, "late");
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpDeadlines, EndAClientThatNeverReads) {
  http::Limits limits = patient();
  limits.idleTimeout = kShort;
  serveHttp(
      [](const http::Request&, http::Responder responder) {
        responder.send(http::Response(200, std::string(std::size_t{12} << 20U, 'x')));
      },
      limits);
  HttpPeer peer(address(), 4096);
  peer.get();
  closed();
}

TEST_P(HttpDeadlines, EndAClientThatStaysAfterTheLastReply) {
  http::Limits limits = patient();
  limits.lingerTimeout = kShort;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 200);
  EXPECT_EQ(peer.rest(), "");
  closed();
}

TERN_ON_EACH_POLLER(HttpDeadlines);

}  // namespace
}  // namespace tern::testing
