// Limits: what is too much gets its status, and a close; what is just enough does not.
#include <cerrno>
#include <cstdio>
#include <utility>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

class HttpLimits : public HttpFixture {
 protected:
  static http::Limits small() {
    http::Limits limits;
    limits.headBytes = 400;
    limits.requestLineBytes = 100;
    limits.headerFields = 5;
    limits.bodyBytes = 100;
    return limits;
  }
  void expectRefused(int status, const std::string& bytes) {
    HttpPeer peer(address());
    peer.sendAll(bytes + getRequest("/behind"));
    EXPECT_EQ(peer.receive().status, status);
    EXPECT_EQ(peer.rest(), "");
  }
  void expectTaken(const std::string& bytes) {
    HttpPeer peer(address());
    peer.sendAll(bytes + getRequest("/behind"));
    EXPECT_EQ(peer.receive().status, 200);
    EXPECT_EQ(peer.receive().status, 200);
  }
  static std::string headOf(std::size_t bytes) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return begin + std::string(bytes - begin.size() - 4, 'x') + "\r\n\r\n";
  }
  static std::string lineOf(std::size_t bytes) {
    return getRequest('/' + std::string(bytes - 16, 'x'));
  }
  static std::string withFields(int count) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < count; ++i) bytes += "X: y\r\n";
    return bytes + "\r\n";
  }
  static std::string chunksOf(std::size_t total, std::size_t each,
                              const std::string& extension = "") {
    std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < total; at += each) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx", each);
      bytes += size + extension + "\r\n" + std::string(each, 'x') + "\r\n";
    }
    return bytes + "0\r\n\r\n";
  }
};

TEST_P(HttpLimits, OfTheHead) {
  serveMirror(small());
  expectTaken(headOf(400));
  expectRefused(431, headOf(401));
  expectRefused(431, headOf(100'000));
}

TEST_P(HttpLimits, OfTheRequestLine) {
  serveMirror(small());
  expectTaken(lineOf(100));
  expectRefused(414, lineOf(101));
  expectRefused(414, lineOf(100'000));
  expectRefused(414, std::string(50'000, 'x'));
}

TEST_P(HttpLimits, OfTheNumberOfFields) {
  serveMirror(small());
  expectTaken(withFields(5));
  expectRefused(431, withFields(6));
}

TEST_P(HttpLimits, OfABodyWithALength) {
  serveMirror(small());
  expectTaken(postRequest("/", std::string(100, 'x')));
  expectRefused(413, postRequest("/", std::string(101, 'x')));
  // Before any of it has come.
  HttpPeer peer(address());
  peer.sendAll("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n");
  EXPECT_EQ(peer.receive().status, 413);
}

TEST_P(HttpLimits, OfABodyInChunks) {
  serveMirror(small());
  expectTaken(chunksOf(100, 10));
  expectRefused(413, chunksOf(110, 10));
  HttpPeer peer(address());
  peer.sendAll(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n");
  EXPECT_EQ(peer.receive().status, 413);
}

TEST_P(HttpLimits, OfTheLinesAroundChunks) {
  serveMirror(small());
  expectTaken(chunksOf(100, 1));
  expectTaken(chunksOf(10, 1, ";short=1"));
  expectRefused(431, chunksOf(100, 1, ";" + std::string(30, 'x')));
  expectRefused(431, chunksOf(1, 1, ";" + std::string(1000, 'x')));
  std::string trailers = chunksOf(1, 1);
  trailers.resize(trailers.size() - 2);
  for (int i = 0; i < 100; ++i) trailers += "Trailer: x\r\n";
  expectRefused(431, trailers + "\r\n");
}

TEST_P(HttpLimits, ExceededByAClientThatGoesOnSendingStillShowTheReply) {
  serveMirror(small());
  HttpPeer peer(address());
  // More than the kernel would hold for a server that does not read it.
  const std::string much =
      postRequest("/", std::string(GetParam().isTiny() ? 20'000 : 3'000'000, 'x'));
  peer.sendAll(much);
  EXPECT_EQ(peer.receive().status, 413);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpLimits, ExceededByAClientThatNeverStopsSendingEndTheConnection) {
  http::Limits limits = small();
  limits.lingerBytes = 100'000;
  serveMirror(limits);
  HttpPeer peer(address());
  peer.sendAll(postRequest("/", std::string(101, 'x')));
  EXPECT_EQ(peer.receive().status, 413);
  const std::string block(10'000, 'x');
  ASSERT_TRUE(eventually([&] { return peer.sendNow(block) < 0 && errno != EAGAIN; }));
  closed();
}

TEST_P(HttpLimits, WhatIsTooLongAndMalformedIsWhicheverCameFirstHoweverItArrives) {
  serveMirror(small());
  const std::string line = std::string(101, 'x') + '\x01';
  const std::string trailer =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ";
  const std::string much(500, 'x');
  for (const auto& [bytes, status] : {std::pair(line, 414), std::pair(trailer + much + '\x01', 431),
                                      std::pair(trailer + "y\r\n folded" + much, 400)}) {
    expectRefused(status, bytes);
    HttpPeer peer(address());
    for (const char byte : bytes) peer.sendNow({&byte, 1});
    EXPECT_EQ(peer.receive().status, status);
  }
}

TERN_ON_EACH_POLLER(HttpLimits);

}  // namespace
}  // namespace tern::testing
