// Smuggling: what two parsers might read differently is refused, and nothing behind it is read.
#include <chrono>
#include <string>
#include <vector>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

struct Trick {
  std::string name;
  std::string bytes;
  int status = 400;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: a\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kOneChunk = "3\r\nabc\r\n0\r\n\r\n";

const std::vector<Trick>& tricks() {
  static const std::vector<Trick> kTricks = {
      {"length and encoding",
       kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + kOneChunk},
      {"encoding and length",
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + kOneChunk},
      {"encoding and zero length",
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + kOneChunk},
      {"two lengths that differ", kPost + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
      {"the same length twice", kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
      {"a list of lengths", kPost + "Content-Length: 3, 3\r\n\r\nabc"},
      {"a length with a sign", kPost + "Content-Length: +3\r\n\r\nabc"},
      {"a negative length", kPost + "Content-Length: -3\r\n\r\nabc"},
      {"a hexadecimal length", kPost + "Content-Length: 0x3\r\n\r\nabc"},
      {"a length with a blank", kPost + "Content-Length: 3 3\r\n\r\nabc"},
      {"an empty length", kPost + "Content-Length:\r\n\r\nabc"},
      {"a length beyond 64 bits", kPost + "Content-Length: 18446744073709551619\r\n\r\nabc"},
      {"a blank before the colon", kPost + "Transfer-Encoding : chunked\r\n\r\n" + kOneChunk},
      {"a tab before the colon", kPost + "Content-Length\t: 3\r\n\r\nabc"},
      {"a blank before a name", kPost + " Content-Length: 3\r\n\r\nabc"},
      {"a blank before the first name", "POST / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"lines that end with LF", "GET / HTTP/1.1\nHost: a\n\n"},
      {"one line that ends with LF", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
      {"a head that ends with LF", kGet + "\n"},
      {"a line that ends with CR", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
      {"a head that ends with CR", kGet + "\rGET /"},
      {"a CR in a value", kGet + "X: a\rb\r\n\r\n"},
      {"a line without a colon", kGet + "no colon here\r\n\r\n"},
      {"a line without a name", kGet + ": nameless\r\n\r\n"},
      {"a folded line", kGet + "X: a\r\n b\r\n\r\n"},
      {"a folded encoding", kPost + "Transfer-Encoding:\r\n chunked\r\n\r\n" + kOneChunk},
      {"a NUL in a value", kGet + std::string("X: a\0b\r\n\r\n", 10)},
      {"a NUL in a name", kGet + std::string("X\0Y: ab\r\n\r\n", 11)},
      {"a control character in a value", kGet + "X: a\x01"
                                                "b\r\n\r\n"},
      {"a DEL in a value", kGet + "X: a\x7F"
                                  "b\r\n\r\n"},
      {"a byte beyond ASCII in a name", kGet + "X\xE4: a\r\n\r\n"},
      {"chunked twice", kPost + "Transfer-Encoding: chunked, chunked\r\n\r\n" + kOneChunk},
      {"chunked in two fields",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + kOneChunk},
      {"xchunked", kPost + "Transfer-Encoding: xchunked\r\n\r\n" + kOneChunk},
      {"chunked not last", kPost + "Transfer-Encoding: chunked, gzip\r\n\r\n" + kOneChunk},
      {"identity", kPost + "Transfer-Encoding: identity\r\n\r\n" + kOneChunk},
      {"chunked and identity",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + kOneChunk},
      {"chunked with a parameter", kPost + "Transfer-Encoding: chunked;a=b\r\n\r\n" + kOneChunk},
      {"an empty encoding", kPost + "Transfer-Encoding:\r\n\r\n" + kOneChunk},
      {"an empty coding", kPost + "Transfer-Encoding: ,chunked\r\n\r\n" + kOneChunk},
      {"quoted chunked", kPost + "Transfer-Encoding: \"chunked\"\r\n\r\n" + kOneChunk},
      {"vertical tab before chunked", kPost +
                                          "Transfer-Encoding: \x0B"
                                          "chunked\r\n\r\n" +
                                          kOneChunk},
      {"chunked in HTTP/1.0",
       "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + kOneChunk},
      {"no Host", "GET / HTTP/1.1\r\n\r\n"},
      {"no Host but another field", "GET / HTTP/1.1\r\nX: y\r\n\r\n"},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"the same Host twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
      {"a Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"a Host with a user", "GET / HTTP/1.1\r\nHost: b@a\r\n\r\n"},
      {"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a blank behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {"a blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", "GET /\r\nHost: a\r\n\r\n"},
      {"a version in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {"a relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target with a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target beyond ASCII", "GET /\xE4 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target with a NUL", std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 28)},
      {"* with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"the greeting of TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11)},
      {"a head of nothing", "\r\n\r\n\r\n\r\n\r\n\r\n"},
      {"a chunk's size with LF", kChunked + "3\nabc\r\n0\r\n\r\n"},
      {"a chunk that ends with LF", kChunked + "3\r\nabc\n0\r\n\r\n"},
      {"a chunk that is longer", kChunked + "3\r\nabcde\r\n0\r\n\r\n"},
      {"a last chunk with LF", kChunked + "3\r\nabc\r\n0\n\n"},
      {"a chunk's size that is no number", kChunked + "x\r\nabc\r\n0\r\n\r\n"},
      {"a chunk's size with 0x", kChunked + "0x3\r\nabc\r\n0\r\n\r\n"},
      {"a chunk's size with a sign", kChunked + "+3\r\nabc\r\n0\r\n\r\n"},
      {"a chunk's size behind a blank", kChunked + " 3\r\nabc\r\n0\r\n\r\n"},
      {"a chunk's size beyond 64 bits", kChunked + "10000000000000003\r\nabc\r\n0\r\n\r\n"},
      {"no chunk's size", kChunked + "\r\nabc\r\n0\r\n\r\n"},
      {"an extension with LF", kChunked + "3;a=b\nabc\r\n0\r\n\r\n"},
      {"an extension with CR", kChunked + "3;a\rb\r\nabc\r\n0\r\n\r\n"},
      {"an extension with a NUL", kChunked + std::string("3;a\0b\r\nabc\r\n0\r\n\r\n", 17)},
      {"a trailer with LF", kChunked + "3\r\nabc\r\n0\r\nX: y\n\r\n"},
      {"a folded trailer", kChunked + "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"},
      {"a trailer with a NUL", kChunked + std::string("3\r\nabc\r\n0\r\nX: \0\r\n\r\n", 19)},
      {"a trailer without a colon", kChunked + "3\r\nabc\r\n0\r\nX\r\n\r\n"},
      {"an unknown coding before chunked",
       kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n" + kOneChunk, 501},
      {"an unknown expectation", kPost + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417},
      {"two expectations",
       kPost + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 417},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"HTTP/0.9 with a version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"an unknown method", "SMUGGLE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"a method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"a method of RTSP", "DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"HTTP over TLS upgraded in a tunnel",
       kGet + "Host: b\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"},
  };
  return kTricks;
}

class HttpSmuggling : public HttpFixture {};

// The one reply that there is, and whatever came behind it.
void expectRefused(const Trick& trick, HttpPeer& peer) {
  const Reply reply = peer.receive();
  EXPECT_EQ(reply.status, trick.status) << reply.head;
  EXPECT_TRUE(reply.hasLine("Connection: close")) << reply.head;
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpSmuggling, GetsOneReplyAndAClose) {
  serveMirror();
  for (const Trick& trick : tricks()) {
    SCOPED_TRACE(trick.name);
    HttpPeer peer(address());
    peer.sendAll(trick.bytes + getRequest("/smuggled"));
    expectRefused(trick, peer);
  }
  EXPECT_EQ(requests.total(), 0U);
}

TEST_P(HttpSmuggling, GetsOneReplyAndACloseWhereverItIsSplit) {
  serveMirror();
  for (const Trick& trick : tricks()) {
    SCOPED_TRACE(trick.name);
    for (std::size_t at = 1; at < trick.bytes.size(); at += 1 + trick.bytes.size() / 8) {
      HttpPeer peer(address());
      peer.sendAll(trick.bytes.substr(0, at));
      letLoopTurn();
      peer.sendAll(trick.bytes.substr(at) + getRequest("/smuggled"));
      expectRefused(trick, peer);
    }
  }
  EXPECT_EQ(requests.total(), 0U);
}

TEST_P(HttpSmuggling, BehindAGoodRequestIsRefusedAfterItsReply) {
  serveMirror();
  for (const Trick& trick : tricks()) {
    SCOPED_TRACE(trick.name);
    HttpPeer peer(address());
    peer.sendAll(getRequest("/good") + trick.bytes + getRequest("/smuggled"));
    // Up to four empty lines are no head.
    EXPECT_EQ(peer.receive().status, 200);
    expectRefused(trick, peer);
  }
  EXPECT_EQ(requests.total(), tricks().size());
}

TEST_P(HttpSmuggling, BehindARequestThatIsStillAnsweredWaitsForThatReply) {
  http::Limits limits;
  limits.lingerTimeout = std::chrono::hours(1);
  serveHttp(keepResponders(), limits);
  HttpPeer peer(address());
  peer.sendAll(getRequest("/slow") + "BAD\r\n\r\n" + getRequest("/smuggled"));
  const auto responder = responders.take();
  letLoopTurn();
  responder->send(http::Response(200, "late"));
  EXPECT_EQ(peer.receive().body, "late");
  EXPECT_EQ(peer.receive().status, 400);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(responders.total(), 1U);
  // It reads again, and so sees the end.
  peer.close();
  closed();
}

TERN_ON_EACH_POLLER(HttpSmuggling);

}  // namespace
}  // namespace tern::testing
