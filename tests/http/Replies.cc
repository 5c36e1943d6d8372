// Replies: how they are framed, to whom, and what a program may put into them.
#include <cstdint>
#include <limits>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "HttpFixture.h"

namespace tern::testing {
namespace {

class HttpReplies : public HttpFixture {
 protected:
  void serveReply(const http::Response& response) {
    serveHttp(
        [response](const http::Request&, http::Responder responder) { responder.send(response); });
  }
  /// A reply in pieces; each with a length if asked for.
  void servePieces(std::vector<std::string> pieces, std::optional<std::uint64_t> length) {
    serveHttp([pieces, length](const http::Request&, http::Responder responder) {
      responder.start(http::Response(200), length);
      for (const std::string& piece : pieces) responder.write(piece);
      responder.finish();
    });
  }
};

TEST_P(HttpReplies, HaveAHeadOfTheStandardsForm) {
  serveReply(
      http::Response(201, "made", "text/x").addHeader("X-One", "  a ").addHeader("x-one", ""));
  HttpPeer peer(address());
  peer.get();
  const Reply reply = peer.receive();
  const std::regex form(
      "HTTP/1\\.1 201 Created\r\n"
      "Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d "
      "GMT\r\n"
      "Content-Type: text/x\r\nX-One: a\r\nx-one: \r\nContent-Length: 4\r\n\r\n");
  EXPECT_TRUE(std::regex_match(reply.head, form)) << reply.head;
  EXPECT_EQ(reply.body, "made");
}

TEST_P(HttpReplies, ToHeadHaveTheHeadOfGetAndNoBody) {
  serveReply(http::Response(200, std::string(100'000, 'x')));
  HttpPeer peer(address());
  peer.sendAll("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + getRequest());
  EXPECT_TRUE(peer.receive(true).hasLine("Content-Length: 100000"));
  EXPECT_EQ(peer.receive().body.size(), 100'000U);
}

TEST_P(HttpReplies, ToHeadInPiecesHaveNoBody) {
  servePieces({"one", "two"}, std::nullopt);
  HttpPeer peer(address());
  peer.sendAll("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + getRequest());
  EXPECT_TRUE(peer.receive(true).hasLine("Transfer-Encoding: chunked"));
  EXPECT_EQ(peer.receive().body, "onetwo");
}

TEST_P(HttpReplies, ToHeadMaySayALengthWithoutHavingTheBody) {
  serveHttp([](const http::Request&, http::Responder responder) {
    responder.start(http::Response(200), std::numeric_limits<std::uint64_t>::max());
    responder.finish();
  });
  HttpPeer peer(address());
  peer.sendAll("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(peer.receive(true).hasLine("Content-Length: 18446744073709551615"));
  peer.sendAll("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  peer.receive(true);
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpReplies, WithoutABodyByTheirStatusHaveNone) {
  for (const int status : {204, 304}) {
    serveReply(http::Response(status).setBody(std::string("not sent")));
    HttpPeer peer(address());
    peer.sendAll(getRequest() + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(peer.receive().head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(peer.receive().status, status);
    EXPECT_EQ(peer.rest(), "");
    stop();
  }
}

TEST_P(HttpReplies, InPiecesAreChunked) {
  servePieces({"one", "", std::string(20'000, 'x')}, std::nullopt);
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  for (int i = 0; i < 2; ++i) {
    const Reply reply = peer.receive();
    EXPECT_TRUE(reply.hasLine("Transfer-Encoding: chunked"));
    EXPECT_EQ(reply.head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(reply.body, "one" + std::string(20'000, 'x'));
  }
}

TEST_P(HttpReplies, InPiecesOfAKnownLengthAreNot) {
  servePieces({"one", "two"}, 6);
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  for (int i = 0; i < 2; ++i) {
    const Reply reply = peer.receive();
    EXPECT_TRUE(reply.hasLine("Content-Length: 6"));
    EXPECT_EQ(reply.body, "onetwo");
  }
}

TEST_P(HttpReplies, ToHttp10CloseUnlessAskedToStay) {
  serveReply(http::Response(200, "x"));
  {
    HttpPeer peer(address());
    peer.sendAll("GET / HTTP/1.0\r\n\r\n" + getRequest());
    const Reply reply = peer.receive();
    EXPECT_TRUE(reply.hasLine("Connection: close"));
    EXPECT_EQ(reply.body, "x");
    EXPECT_EQ(peer.rest(), "");
  }
  HttpPeer peer(address());
  for (int i = 0; i < 2; ++i) {
    peer.sendAll("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    EXPECT_TRUE(peer.receive().hasLine("Connection: keep-alive"));
  }
}

TEST_P(HttpReplies, InPiecesToHttp10EndWithTheConnection) {
  servePieces({"one", "two"}, std::nullopt);
  HttpPeer peer(address());
  peer.sendAll("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const Reply reply = peer.receive();
  EXPECT_TRUE(reply.hasLine("Connection: close"));
  EXPECT_EQ(reply.head.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(peer.rest(), "onetwo");
}

TEST_P(HttpReplies, CloseWhenTheClientAsks) {
  serveReply(http::Response(200, "x"));
  HttpPeer peer(address());
  peer.sendAll("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n" + getRequest());
  EXPECT_TRUE(peer.receive().hasLine("Connection: close"));
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpReplies, CloseWhenTheHandlerAsks) {
  serveReply(http::Response(200, "x").closeConnection());
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  EXPECT_TRUE(peer.receive().hasLine("Connection: close"));
  EXPECT_EQ(peer.rest(), "");
}

TEST_P(HttpReplies, ShorterThanTheirLengthCloseTheConnection) {
  servePieces({"one"}, 6);
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  const std::string all = peer.receiveUntilEnd().bytes;
  EXPECT_EQ(all.find("HTTP/1.1", 1), std::string::npos);
  closed();
}

TEST_P(HttpReplies, LongerThanTheirLengthAreRefused) {
  serveHttp([](const http::Request&, http::Responder responder) {
    responder.start(http::Response(200), 3);
    responder.write("ab");
    EXPECT_THROW(responder.write("cd"), std::length_error);
    responder.write("c");
    responder.finish();
    EXPECT_THROW(responder.finish(), std::logic_error);
    EXPECT_THROW(responder.send(http::Response(200)), std::logic_error);
  });
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive().body, "abc");
}

TEST_P(HttpReplies, BegunWithMoreThanTheirLengthMayBeBegunAgain) {
  serveHttp([](const http::Request&, http::Responder responder) {
    EXPECT_THROW(responder.start(http::Response(200, "abcd"), 3), std::length_error);
    responder.start(http::Response(200, "abc"), 4);
    responder.write("d");
    responder.finish();
  });
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive().body, "abcd");
}

TEST_P(HttpReplies, MayShareABody) {
  const auto body = std::make_shared<const std::string>(patternOf(100'000));
  http::Response response(200);
  response.setBody(body);
  serveReply(response);
  HttpPeer one(address());
  HttpPeer other(address());
  one.sendAll(getRequest() + getRequest());
  other.get();
  for (int i = 0; i < 2; ++i) expectSameBytes(one.receive().body, *body);
  expectSameBytes(other.receive().body, *body);
}

TEST_P(HttpReplies, OfAnySizeAreWrittenAsTheClientReads) {
  const std::size_t size = std::size_t{GetParam().isTiny() ? 8U : 16U} << 20U;
  http::Limits limits;
  limits.highMark = 1'000'000;
  limits.lowMark = 100'000;
  serveHttp(
      [size](const http::Request&, http::Responder responder) {
        auto kept = std::make_shared<http::Responder>(std::move(responder));
        auto left = std::make_shared<std::size_t>(size);
        kept->start(http::Response(200), size);
        kept->onReady([kept, left] {
          const std::size_t piece = std::min<std::size_t>(*left, 100'000);
          kept->write(std::string(piece, 'x'));
          *left -= piece;
          if (*left == 0) kept->finish();
        });
      },
      limits);
  HttpPeer peer(address(), 4096);
  const TcpConnectionPtr connection = accepted();
  peer.sendAll(getRequest() + getRequest());
  // It stops: the client does not read.
  ASSERT_TRUE(
      eventually([&] { return runOnLoop([&] { return connection->outputBytes() > 100'000; }); }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_LT(runOnLoop([&] { return connection->outputBytes(); }), 1'000'000U + 101'000U);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(peer.receive().body.size(), size);
  }
}

TERN_ON_EACH_POLLER(HttpReplies);

TEST(HttpResponse, TakesNoFieldThatCouldEndItsLine) {
  http::Response response(200);
  const std::string fields(response.fields());
  for (const std::string& value : {std::string("a\r\nb"), std::string("a\n"), std::string("\r"),
                                   std::string("a\0b", 3), std::string("\x7F")}) {
    EXPECT_THROW(response.addHeader("X", value), std::invalid_argument);
  }
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:"), std::string("a\r\nb"),
        std::string("\xE4"), std::string("a\0", 2)}) {
    EXPECT_THROW(response.addHeader(name, "v"), std::invalid_argument);
  }
  EXPECT_THROW(http::Response(200, "", "text/plain\r\nX: y"), std::invalid_argument);
  EXPECT_EQ(response.fields(), fields);
  response.addHeader("X", "tab\there, \xC3\xA4");
  EXPECT_EQ(response.fields(), "X: tab\there, \xC3\xA4\r\n");
}

TEST(HttpResponse, TakesNoFieldThatFramesTheMessage) {
  http::Response response(200);
  for (const char* name : {"Content-Length", "transfer-encoding", "CONNECTION", "Date"}) {
    EXPECT_THROW(response.addHeader(name, "1"), std::invalid_argument);
  }
}

TEST(HttpResponse, HasAFinalStatus) {
  for (const int status : {-1, 0, 99, 100, 101, 199, 600, 1000}) {
    EXPECT_THROW(http::Response{status}, std::invalid_argument);
  }
  EXPECT_EQ(http::reasonPhrase(404), "Not Found");
  EXPECT_EQ(http::reasonPhrase(299), "");
}

TEST(HttpService, RefusesSettingsThatMakeNoSense) {
  const auto handler = [](const http::Request&, http::Responder) {};
  EXPECT_THROW(http::Service({}), std::invalid_argument);
  http::Limits limits;
  limits.pipelined = 0;
  EXPECT_THROW(http::Service(handler, limits), std::invalid_argument);
  limits = {};
  limits.lowMark = limits.highMark + 1;
  EXPECT_THROW(http::Service(handler, limits), std::invalid_argument);
}

}  // namespace
}  // namespace tern::testing
