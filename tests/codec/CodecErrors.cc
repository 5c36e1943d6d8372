// CodecErrors: what happens to a connection whose peer breaks the framing.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <tern/codec/FrameError.h>
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/codec/LineCodec.h>

#include <cerrno>

#include "CodecFixture.h"
#include "support/LogCapture.h"

namespace tern::testing {
namespace {

using namespace std::string_literals;

// Never reached: a test that needs the delay to end has its own.
constexpr std::chrono::hours kLong{1};

class CodecErrors : public CodecFixture {
 protected:
  const LineCodec codec_{5};
  Mailbox<std::error_code> errors_;
};

TEST_P(CodecErrors, LetWhatWasSentBeforeLeave) {
  const std::string much = patternOf(3'000'000);
  serveMessages(codec_.onMessage(
      [much](const TcpConnectionPtr& connection, auto, auto) {
        connection->send(std::string_view(much));
      },
      noteError([](const TcpConnectionPtr& connection) { connection->send("you are wrong"); }),
      kLong));
  Peer peer(address());
  peer.sendAll("go\nwrong it is, and so is this\n");
  expectSameBytes(peer.receiveUntilEof(), much + "you are wrong");
  expectEvents({"error frame too long"});
}

TEST_P(CodecErrors, CloseAfterTheDelayThoughThePeerNeverDoes) {
  serveMessages(codec_.onMessage(noteFrame(), noteError(), std::chrono::milliseconds(1)));
  Peer peer(address());
  peer.sendAll("wrong it is\n");
  expectEvents({"error frame too long", "closed, unread "});
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(CodecErrors, CloseAtOnceWithoutADelay) {
  serveMessages(codec_.onMessage(
      noteFrame(), noteError([](const auto& connection) { connection->send("never sent"); }),
      std::chrono::seconds(0)));
  Peer peer(address());
  peer.sendAll("wrong it is\n");
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
  expectEvents({"error frame too long", "closed, unread "});
}

TEST(FrameErrorCategory, HasASentenceForEachValueThoseOfTheFutureIncluded) {
  EXPECT_EQ(std::error_code(FrameError::kTooLong).message(), "frame too long");
  EXPECT_EQ(std::error_code(99, frameErrorCategory()).message(), "frame error 99");
  EXPECT_EQ(frameErrorCategory().name(), "tern.frame"s);
}

TEST_P(CodecErrors, LogALineUnlessThereIsACallback) {
  const LogCapture log;
  serveMessages(codec_.onMessage(noteFrame(), {}, std::chrono::seconds(0)));
  Peer peer(address());
  peer.sendAll("wrong it is\n");
  expectEvents({"closed, unread "});
  EXPECT_THAT(log.lines(), ::testing::ElementsAre("warn: test#1 from " +
                                                  closed().connection->peerAddress().toIpPort() +
                                                  ": frame too long; closed"));
}

TEST_P(CodecErrors, AreTheLastThatComesEvenIfReadingStartsAgain) {
  serveMessages(codec_.onMessage(
      noteFrame(), noteError([](const auto& connection) { connection->startRead(); }), kLong));
  for (const Pieces& pieces : everySplit("a\nwrong it is\nb\nand again\nc\n")) {
    SCOPED_TRACE(describe(pieces));
    Peer peer(address());
    sendApart(peer, pieces);
    // It reads, and so sees the end.
    peer.close();
    expectEvents({"frame a", "error frame too long", "closed, unread "});
  }
}

TEST_P(CodecErrors, StopReading) {
  serveMessages(codec_.onMessage(noteFrame(), noteError(), kLong));
  Peer peer(address());
  const int small = 16 * 1024;
  ASSERT_EQ(::setsockopt(peer.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const TcpConnectionPtr connection = accepted();
  peer.sendAll("wrong it is\n");
  expectEvents({"error frame too long"});
  const std::string piece = patternOf(1 << 14U);
  for (std::size_t sent = 0;;) {
    const long n = peer.sendNow(piece);
    if (n < 0) break;
    sent += static_cast<std::size_t>(n);
    ASSERT_LT(sent, std::size_t{64} << 20U) << "what the peer sends is still read";
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(runOnLoop([&] { return connection->isReading(); }));
}

TEST_P(CodecErrors, CloseAlsoWhenTheirCallbackThrowsOrCloses) {
  serveMessages(codec_.onMessage(noteFrame(), noteError([](const TcpConnectionPtr& connection) {
                                   if (connection->id() == 1) throw std::runtime_error("thrown");
                                   connection->forceClose();
                                 }),
                                 std::chrono::milliseconds(1)));
  Peer one(address());
  one.sendAll("wrong it is\n");
  expectEvents({"error frame too long", "closed, unread "});
  EXPECT_EQ(loopThread().escaped().take(), "thrown");
  Peer two(address());
  two.sendAll("wrong it is\n");
  expectEvents({"error frame too long", "closed, unread "});
}

TEST_P(CodecErrors, MayDestroyTheServer) {
  serveMessages(codec_.onMessage(noteFrame(), noteError([this](const auto&) { stopServer(); })));
  Peer peer(address());
  peer.sendAll("wrong it is\n");
  expectEvents({"error frame too long", "closed, unread "});
}

TEST_P(CodecErrors, AreErrorCodesOfTheirOwnCategory) {
  const LengthPrefixCodec codec;
  serveMessages(codec.onMessage(
      noteFrame(), [this](const auto&, std::error_code error) { errors_.put(error); },
      std::chrono::seconds(0)));
  for (const std::string& prefix :
       {"\0\x10\0\1"s, "\x7F\xFF\xFF\xFF"s, "\x80\0\0\0"s, "\xFF\xFF\xFF\xFF"s}) {
    Peer peer(address());
    peer.sendAll(prefix);
    const std::error_code error = errors_.take();
    EXPECT_EQ(error, FrameError::kTooLong);
    EXPECT_STREQ(error.category().name(), "tern.frame");
    EXPECT_EQ(error.message(), "frame too long");
    expectEvents({"closed, unread "});
  }
}

TERN_ON_EACH_POLLER(CodecErrors);

}  // namespace
}  // namespace tern::testing
