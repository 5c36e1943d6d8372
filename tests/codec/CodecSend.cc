// CodecSend: frames leave whole, in one piece, and not mixed with those of other threads.
#include <gmock/gmock.h>
#include <tern/codec/DelimiterCodec.h>
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/codec/LineCodec.h>

#include <stdexcept>
#include <thread>

#include "CodecFixture.h"

namespace tern::testing {
namespace {

using namespace std::string_literals;

class CodecSend : public CodecFixture {
 protected:
  // Reads frames with a big-endian prefix of four bytes.
  static std::string receiveFrame(Peer& peer) {
    std::size_t length = 0;
    for (const char c : peer.receiveExactly(4))
      length = length << 8U | static_cast<unsigned char>(c);
    return peer.receiveExactly(length);
  }

  const LengthPrefixCodec codec_;
};

TEST_P(CodecSend, BringsFramesOfAllSizesFromTheLoopAndFromOtherThreads) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  for (const std::size_t size :
       {0UL, 1UL, 239UL, 240UL, 241UL, 2000UL, 65535UL, 65536UL, 1UL << 20U}) {
    const std::string frame = patternOf(size);
    codec_.send(connection, frame);
    codec_.send(connection, std::string(frame));
    runOnLoop([&] {
      codec_.send(connection, frame);
      codec_.send(connection, std::string(frame));
    });
    connection->send(std::make_shared<const std::string>(codec_.encode(frame)));
    for (int i = 0; i < 5; ++i) expectSameBytes(receiveFrame(peer), frame);
  }
}

TEST_P(CodecSend, WritesEachPrefixAndOrder) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const auto sent = [&](PrefixSize size, std::endian order) {
    LengthPrefixCodec::Options options;
    options.prefix = size;
    options.order = order;
    LengthPrefixCodec(options).send(connection, "abc");
    return peer.receiveExactly(static_cast<std::size_t>(size) + 3);
  };
  EXPECT_EQ(sent(PrefixSize::k1, std::endian::big), "\3abc");
  EXPECT_EQ(sent(PrefixSize::k2, std::endian::big), "\0\3abc"s);
  EXPECT_EQ(sent(PrefixSize::k2, std::endian::little), "\3\0abc"s);
  EXPECT_EQ(sent(PrefixSize::k4, std::endian::little), "\3\0\0\0abc"s);
  EXPECT_EQ(sent(PrefixSize::k8, std::endian::big), "\0\0\0\0\0\0\0\3abc"s);
}

TEST_P(CodecSend, BringsLinesAndDelimitedFrames) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  const LineCodec lines;
  const LineCodec crLf(1000, LineCodec::Ending::kCrLf);
  const DelimiterCodec delimited("--"s + std::string(300, '='));
  const std::string large(5000, 'x');
  const auto send = [&](std::string& expected) {
    lines.send(connection, "line");
    lines.send(connection, large);
    lines.send(connection, std::string(large));
    crLf.send(connection, "");
    delimited.send(connection, "frame");
    connection->send(crLf.encode("shared\r"));
    expected +=
        "line\n" + large + "\n" + large + "\n\r\nframe" + delimited.encode("") + "shared\r\r\n";
  };
  std::string expected;
  send(expected);
  runOnLoop([&] { send(expected); });
  expectSameBytes(peer.receiveExactly(expected.size()), expected);
}

TEST_P(CodecSend, DoesNotMixFramesOfSeveralThreads) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  constexpr int kThreads = 4;
  const int frames = GetParam().isTiny() ? 50 : 300;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < frames; ++i) {
        const std::string frame(static_cast<std::size_t>(i) * 13, static_cast<char>('a' + t));
        if (i % 2 == 0) {
          codec_.send(connection, frame);
        } else {
          codec_.send(connection, std::string(frame));
        }
      }
    });
  }
  std::vector<std::size_t> next(kThreads, 0);
  for (int i = 0; i < kThreads * (frames - 1); ++i) {
    std::string frame;
    while (frame.empty()) frame = receiveFrame(peer);
    const auto sender = static_cast<std::size_t>(frame[0] - 'a');
    ASSERT_LT(sender, next.size());
    next[sender] += 13;
    ASSERT_EQ(frame, std::string(next[sender], frame[0]));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(CodecSend, LeavesInOneKernelSend) {
  serveMessages(codec_.onMessage([this](const TcpConnectionPtr& connection, auto, auto) {
    codec_.send(connection, std::string(3000, 'x'));
    codec_.send(connection, patternOf(3000));
    codec_.send(connection, "small");
  }));
  Peer peer(address());
  accepted();
  const std::uint64_t before = runOnLoop([&] { return loop().poller().stats().sends; });
  peer.sendAll("\0\0\0\0"s);
  receiveFrame(peer);
  receiveFrame(peer);
  EXPECT_EQ(receiveFrame(peer), "small");
  EXPECT_EQ(runOnLoop([&] { return loop().poller().stats().sends; }) - before, 1U);
}

TEST_P(CodecSend, RefusesWhatTheOtherSideWouldRefuseOrMisreadAndSendsNothing) {
  serveEcho();
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  LengthPrefixCodec::Options options;
  options.prefix = PrefixSize::k1;
  const LengthPrefixCodec prefixed(options);
  EXPECT_EQ(prefixed.maxLength(), 255U);
  const std::string tooLong(256, 'x');
  EXPECT_THROW(prefixed.send(connection, tooLong), std::length_error);
  EXPECT_THROW(prefixed.send(connection, std::string(tooLong)), std::length_error);
  EXPECT_THROW((void)prefixed.encode(tooLong), std::length_error);
  const LineCodec lines(255);
  EXPECT_THROW(lines.send(connection, tooLong), std::length_error);
  EXPECT_THROW(lines.send(connection, std::string(tooLong)), std::length_error);
  EXPECT_THROW(lines.send(connection, "two\nlines"), std::invalid_argument);
  EXPECT_THROW(lines.send(connection, "would be dropped\r"), std::invalid_argument);
  EXPECT_THROW((void)lines.encode("two\nlines"), std::invalid_argument);
  EXPECT_THROW(DelimiterCodec("aa").send(connection, "ba"), std::invalid_argument);
  EXPECT_THROW((void)DelimiterCodec(""), std::invalid_argument);
  const std::string longest(255, 'x');
  prefixed.send(connection, longest);
  lines.send(connection, longest);
  EXPECT_EQ(peer.receiveExactly(512), "\xFF" + longest + longest + "\n");
}

TEST_P(CodecSend, DoesNothingWhenConnectionAndLoopAreGone) {
  serveEcho();
  TcpConnectionPtr connection;
  {
    Peer peer(address());
    connection = accepted();
  }
  stop();
  codec_.send(connection, "late");
  codec_.send(connection, std::string(1000, 'x'));
  codec_.send(connection, std::string_view(patternOf(1000)));
  LineCodec().send(connection, std::string(1000, 'x'));
  EXPECT_TRUE(connection->disconnected());
}

TERN_ON_EACH_POLLER(CodecSend);

}  // namespace
}  // namespace tern::testing
