// CodecFrames: frames on connections: however they are split, however many, and what a frame
// callback may do in the middle of a batch.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <tern/codec/DelimiterCodec.h>
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/codec/LineCodec.h>

#include <any>
#include <atomic>
#include <memory>
#include <random>

#include "CodecFixture.h"

namespace tern::testing {
namespace {

using namespace std::string_literals;

class CodecFrames : public CodecFixture {
 protected:
  // Every split of a stream, each on a connection of its own; the last event is its end.
  void expectForEverySplit(std::string_view stream, const std::vector<std::string>& expected) {
    for (const Pieces& pieces : everySplit(stream)) {
      SCOPED_TRACE(describe(pieces));
      Peer peer(address());
      sendApart(peer, pieces);
      // Fails where the server has closed already.
      (void)::shutdown(peer.fd(), SHUT_WR);
      expectEvents(expected);
    }
  }

  std::atomic<std::size_t> count_ = 0;
};

TEST_P(CodecFrames, WithALengthMeanTheSameForEverySplit) {
  LengthPrefixCodec::Options options;
  options.prefix = PrefixSize::k2;
  options.maxLength = 5;
  const LengthPrefixCodec codec(options);
  serveMessages(codec.onMessage(noteFrame(), noteError(), std::chrono::seconds(0)));
  expectForEverySplit("\0\5hello\0\0\0\1a\0\3bc"s,
                      {"frame hello", "frame ", "frame a", "closed, unread \0\3bc"s});
  expectForEverySplit("\0\5hello\0\0\0\6toolong"s,
                      {"frame hello", "frame ", "error frame too long", "closed, unread "});
}

TEST_P(CodecFrames, OfLinesMeanTheSameForEverySplit) {
  const LineCodec codec(5);
  serveMessages(codec.onMessage(noteFrame(), noteError(), std::chrono::seconds(0)));
  expectForEverySplit("hello\r\n\n\r\nab\nc\r",
                      {"frame hello", "frame ", "frame ", "frame ab", "closed, unread c\r"});
  expectForEverySplit("a\nhello\r\nhello.\r\nb\n",
                      {"frame a", "frame hello", "error frame too long", "closed, unread "});
}

TEST_P(CodecFrames, WithADelimiterMeanTheSameForEverySplit) {
  const DelimiterCodec codec("aab", 3);
  serveMessages(codec.onMessage(noteFrame(), noteError(), std::chrono::seconds(0)));
  expectForEverySplit("aaabaabx\naabaa", {"frame a", "frame ", "frame x\n", "closed, unread aa"});
  expectForEverySplit("xaabaaaaaa", {"frame x", "error frame too long", "closed, unread "});
}

TEST_P(CodecFrames, MeanTheSameInRandomPieces) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame()));
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    std::string stream;
    std::vector<std::string> expected;
    for (int i = 0; i < 50; ++i) {
      const std::string line(random() % 60, static_cast<char>('a' + i % 26));
      stream += line + (random() % 2 == 0 ? "\n" : "\r\n");
      expected.push_back("frame " + line);
    }
    expected.emplace_back("closed, unread ");
    Pieces pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t length = 1 + random() % 100;
      pieces.push_back(std::string_view(stream).substr(at, length));
      at += length;
    }
    Peer peer(address());
    sendApart(peer, pieces);
    peer.shutdownWrite();
    expectEvents(expected);
  }
}

TEST_P(CodecFrames, ComeAllOfAHundredThousandSentAtOnce) {
  const std::size_t frames = GetParam().isTiny() ? 3'000 : 100'000;
  const LengthPrefixCodec codec;
  serveMessages(codec.onMessage([this](const auto&, std::string_view frame, auto) {
    if (frame != "x") events_.put("a wrong frame");
    ++count_;
  }));
  std::string stream;
  for (std::size_t i = 0; i < frames; ++i) stream += "\0\0\0\1x"s;
  Peer peer(address());
  peer.sendAll(stream);
  peer.shutdownWrite();
  expectEvents({"closed, unread "});
  EXPECT_EQ(count_, frames);
}

TEST_P(CodecFrames, OfManyMegabytesComeWhole) {
  const std::size_t size = GetParam().isTiny() ? 20'000 : std::size_t{8} << 20U;
  LengthPrefixCodec::Options options;
  options.maxLength = size;
  const LengthPrefixCodec codec(options);
  const DelimiterCodec delimited("\0the end\0"s, size);
  serve([&](TcpServer& server) {
    server.setMessageCallback(
        codec.onMessage(noteFrame([delimited, this](const auto& connection, auto) {
          // The second one comes with the other codec.
          connection->stopRead();
          connection->setMessageCallback(delimited.onMessage(noteFrame()));
          connection->getLoop()->queueInLoop([connection] { connection->startRead(); });
        })));
  });
  const std::string one = patternOf(size, 1);
  const std::string two = patternOf(size, 2);
  Peer peer(address());
  peer.sendAll(codec.encode(one));
  peer.sendAll(delimited.encode(two));
  expectSameBytes(events_.take(), "frame " + one);
  expectSameBytes(events_.take(), "frame " + two);
}

TEST_P(CodecFrames, AreNotSearchedAgainWhenAConnectionBringsMore) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([](const TcpConnectionPtr& connection, auto) {
    // Copies all of the connection's callbacks.
    connection->setOutputLimit(1'000'000);
  })));
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  // What a search has seen is overwritten with what it looks for: whoever looks again finds it.
  const auto awaitAndOverwrite = [&](std::size_t bytes) {
    ASSERT_TRUE(eventually([&] {
      return runOnLoop([&] { return connection->inputBuffer()->readableBytes() == bytes; });
    }));
    runOnLoop([&] {
      Buffer& input = *connection->inputBuffer();
      const std::string newlines(input.readableBytes(), '\n');
      input.retrieveAll();
      input.append(newlines);
    });
  };
  for (int round = 0; round < 3; ++round) {
    peer.sendAll("abc");
    awaitAndOverwrite(3);
    for (std::size_t i = 0; i < 5; ++i) {
      peer.sendAll("d");
      awaitAndOverwrite(4 + i);
    }
    peer.sendAll("ef\n");
    expectEvents({"frame \n\n\n\n\n\n\n\nef"});
  }
}

TEST_P(CodecFrames, OfManyConnectionsOnSeveralLoopsDoNotMix) {
  const LineCodec codec;
  serve([&](TcpServer& server) {
    server.setThreadNum(3);
    server.setMessageCallback(
        codec.onMessage([codec](const TcpConnectionPtr& connection, std::string_view line,
                                Timestamp) { codec.send(connection, line); }));
  });
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i) {
    peers.push_back(std::make_unique<Peer>(address()));
    texts.push_back("I am number " + std::to_string(i) + " of them\n");
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t at = 0; at < 23; ++at) {
      for (std::size_t i = 0; i < peers.size(); ++i) {
        if (at < texts[i].size()) peers[i]->sendAll(texts[i].substr(at, 1));
      }
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
      EXPECT_EQ(peers[i]->receiveExactly(texts[i].size()), texts[i]);
    }
  }
}

TEST_P(CodecFrames, BehindStopReadComeWithStartReadAndBeforeTheEnd) {
  const LineCodec codec;
  serveMessages(codec.onMessage(
      noteFrame([](const TcpConnectionPtr& connection, auto) { connection->stopRead(); })));
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll("one\ntwo\nthree\nfo");
    peer.shutdownWrite();
  }
  for (const char* expected : {"frame one", "frame two", "frame three"}) {
    expectEvents({expected});
    expectNoEvent();
    connection->startRead();
  }
  expectEvents({"closed, unread fo"});
}

TEST_P(CodecFrames, GoOnWhenReadingStopsAndStartsInTheCallback) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([](const TcpConnectionPtr& connection, auto) {
    connection->stopRead();
    connection->startRead();
  })));
  Peer peer(address());
  peer.sendAll("one\ntwo\nthree\n");
  expectEvents({"frame one", "frame two", "frame three"});
}

TEST_P(CodecFrames, EndWithTheOneWhoseCallbackCloses) {
  const LineCodec codec;
  serveMessages(codec.onMessage(
      noteFrame([](const TcpConnectionPtr& connection, auto) { connection->forceClose(); })));
  Peer peer(address());
  peer.sendAll("one\ntwo\n");
  EXPECT_EQ(events_.take(), "frame one");
  EXPECT_THAT(events_.take(), ::testing::StartsWith("closed"));
}

TEST_P(CodecFrames, EndWithTheOneWhoseCallbackClosesAHalfClosedConnection) {
  const LineCodec codec;
  onUp = [](const TcpConnectionPtr& connection) { connection->shutdown(); };
  serveMessages(codec.onMessage(
      noteFrame([](const TcpConnectionPtr& connection, auto) { connection->forceClose(); })));
  Peer peer(address());
  accepted();
  peer.sendAll("one\ntwo\n");
  EXPECT_EQ(events_.take(), "frame one");
  EXPECT_THAT(events_.take(), ::testing::StartsWith("closed"));
}

TEST_P(CodecFrames, EndWithTheOneWhoseCallbackShutsDownHoweverTheyAreSplit) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([codec](const TcpConnectionPtr& connection, auto) {
    codec.send(connection, "bye");
    connection->shutdown();
  })));
  for (const Pieces& pieces : everySplit("quit\nnot me\nnor me")) {
    SCOPED_TRACE(describe(pieces));
    Peer peer(address());
    sendApart(peer, pieces);
    EXPECT_EQ(peer.receiveUntilEof(), "bye\n");
    peer.close();
    expectEvents({"frame quit", "closed, unread "});
  }
}

TEST_P(CodecFrames, StillComeAfterAShutdownFromElsewhere) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame()));
  Peer peer(address());
  accepted()->shutdown();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  sendApart(peer, {"on", "e\ntwo\nth", "ree\n"});
  expectEvents({"frame one", "frame two", "frame three"});
}

TEST_P(CodecFrames, BehindOneWhoseCallbackThrowsComeWithoutMoreBytes) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([](const auto&, std::string_view frame) {
    if (frame.starts_with("bad")) throw std::runtime_error(std::string(frame));
  })));
  Peer peer(address());
  {
    const LoopHold hold(loop());
    peer.sendAll("one\nbad 1\nbad 2\nfour\nfi");
    peer.shutdownWrite();
  }
  expectEvents({"frame one", "frame bad 1", "frame bad 2", "frame four", "closed, unread fi"});
  EXPECT_EQ(loopThread().escaped().take(), "bad 1");
  EXPECT_EQ(loopThread().escaped().take(), "bad 2");
}

TEST_P(CodecFrames, EndWithTheOneWhoseCallbackShutsDownAndThrows) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([](const TcpConnectionPtr& connection, auto) {
    connection->shutdown();
    throw std::runtime_error("thrown");
  })));
  Peer peer(address());
  peer.sendAll("one\ntwo\n");
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(loopThread().escaped().take(), "thrown");
  sendApart(peer, {"three\n"});
  peer.close();
  expectEvents({"frame one", "closed, unread "});
}

TEST_P(CodecFrames, EndWithTheOneWhoseCallbackDestroysTheServer) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame([this](const auto&, auto) { stopServer(); })));
  Peer peer(address());
  peer.sendAll("one\ntwo\n");
  EXPECT_EQ(events_.take(), "frame one");
  EXPECT_THAT(events_.take(), ::testing::StartsWith("closed"));
  expectNoEvent();
}

TEST_P(CodecFrames, SurviveACallbackThatReadsTheInputBufferItself) {
  const LineCodec codec;
  serveMessages(codec.onMessage(noteFrame(
      [](const TcpConnectionPtr& connection, auto) { connection->inputBuffer()->retrieveAll(); })));
  Peer peer(address());
  sendApart(peer, {"par", "t\nlost\n", "two\n"});
  peer.shutdownWrite();
  EXPECT_EQ(events_.take(), "frame part");
}

TEST_P(CodecFrames, LeaveTheConnectionsContextToTheUser) {
  const LineCodec codec;
  onUp = [](const TcpConnectionPtr& connection) { connection->setContext(0); };
  serveMessages(codec.onMessage([this](const TcpConnectionPtr& connection, auto, auto) {
    events_.put(std::to_string(++std::any_cast<int&>(*connection->getMutableContext())));
  }));
  Peer peer(address());
  sendApart(peer, {"a", "\nb", "\nc\n"});
  expectEvents({"1", "2", "3"});
}

TEST_P(CodecFrames, NeedACallback) {
  EXPECT_THROW((void)LineCodec().onMessage({}), std::invalid_argument);
  EXPECT_THROW((void)LengthPrefixCodec().onMessage({}), std::invalid_argument);
}

TERN_ON_EACH_POLLER(CodecFrames);

}  // namespace
}  // namespace tern::testing
