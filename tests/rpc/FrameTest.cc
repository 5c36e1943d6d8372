// FrameTest: what is a frame, and what is none.
#include <gtest/gtest.h>
#include <tern/rpc/Frame.h>
#include <zlib.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace tern::testing {
namespace {

using rpc::decodeFrame;
using rpc::encodeFrame;
using rpc::Error;
using rpc::Frame;
using rpc::FrameType;

const std::vector<Frame>& goodFrames() {
  static const std::string large(5000, 'x');
  static const std::vector<Frame> frames{
      {FrameType::kRequest, {}, 1, 0, "a.B.C", ""},
      {FrameType::kRequest,
       {},
       ~std::uint64_t{0},
       ~std::uint32_t{0},
       "package.Service.Method",
       large},
      {FrameType::kReply, {}, 0x0102030405060708, 0, "", "payload"},
      {FrameType::kReply, {}, 2, 0, "", ""},
      {FrameType::kFailure, Error::kServerFailure, 3, 0, "", "why"},
      {FrameType::kFailure, Error::kBadFrame, 0, 0, "", ""},
      {FrameType::kCancel, {}, 4, 0, "", ""},
  };
  return frames;
}

// The checksum that the bytes behind it have.
std::string checked(std::string frame) {
  const void* bytes = frame.data() + 4;
  const auto sum =
      ::crc32(0, static_cast<const Bytef*>(bytes), static_cast<uInt>(frame.size() - 4));
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(sum >> (24 - 8 * i));
  return frame;
}

TEST(RpcFrame, ComesBackAsItWas) {
  for (const Frame& frame : goodFrames()) {
    const std::string bytes = encodeFrame(frame);
    EXPECT_EQ(bytes.size(), rpc::kFrameHeader + frame.method.size() + frame.payload.size());
    EXPECT_EQ(checked(bytes), bytes);
    const auto back = decodeFrame(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->type, frame.type);
    EXPECT_EQ(back->error, frame.error);
    EXPECT_EQ(back->call, frame.call);
    EXPECT_EQ(back->timeout, frame.timeout);
    EXPECT_EQ(back->method, frame.method);
    EXPECT_EQ(back->payload, frame.payload);
  }
}

TEST(RpcFrame, IsOnTheWireAsItIsDescribed) {
  const std::string bytes =
      encodeFrame({FrameType::kRequest, {}, 0x0102030405060708, 0x0A0B0C0D, "m.S.f", "pay"});
  EXPECT_EQ(bytes.substr(4), std::string("\1\0\0\5\1\2\3\4\5\6\7\10\12\13\14\15m.S.fpay", 24));
}

TEST(RpcFrame, IsNoneWithAnyBitTurned) {
  for (const Frame& frame : goodFrames()) {
    const std::string bytes = encodeFrame(frame);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string turned = bytes;
      turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decodeFrame(turned)) << bit;
    }
  }
}

TEST(RpcFrame, IsNoneCutOffAnywhereEvenWithAnotherChecksum) {
  const std::string bytes = encodeFrame(goodFrames()[0]);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::string cut = bytes.substr(0, length);
    EXPECT_FALSE(decodeFrame(cut)) << length;
    EXPECT_FALSE(length >= 4 && decodeFrame(checked(cut))) << length;
  }
}

TEST(RpcFrame, IsNoneWithFieldsThatContradictItsType) {
  const std::vector<std::pair<Frame, const char*>> bad{
      {{FrameType::kRequest, {}, 0, 0, "m", ""}, "a request of call 0"},
      {{FrameType::kRequest, {}, 1, 0, "", "p"}, "a request without a method"},
      {{FrameType::kRequest, Error::kCancelled, 1, 0, "m", ""}, "a request with an error"},
      {{FrameType::kReply, {}, 0, 0, "", ""}, "a reply of call 0"},
      {{FrameType::kReply, {}, 1, 5, "", ""}, "a reply with a timeout"},
      {{FrameType::kReply, {}, 1, 0, "m", ""}, "a reply with a method"},
      {{FrameType::kReply, Error::kCancelled, 1, 0, "", ""}, "a reply with an error"},
      {{FrameType::kFailure, {}, 1, 0, "", "why"}, "a failure without an error"},
      {{FrameType::kCancel, {}, 1, 0, "", "p"}, "a cancel with a payload"},
      {{FrameType::kCancel, {}, 0, 0, "", ""}, "a cancel of call 0"},
      {{static_cast<FrameType>(0), {}, 1, 0, "", ""}, "type 0"},
      {{static_cast<FrameType>(5), {}, 1, 0, "", ""}, "type 5"},
      {{static_cast<FrameType>(255), {}, 1, 0, "", ""}, "type 255"},
  };
  for (const auto& [frame, what] : bad) EXPECT_FALSE(decodeFrame(encodeFrame(frame))) << what;
  std::string longName = encodeFrame(goodFrames()[0]);
  longName[7] = static_cast<char>(longName[7] + 1);
  EXPECT_FALSE(decodeFrame(checked(longName)));
  longName[6] = '\xFF';
  EXPECT_FALSE(decodeFrame(checked(longName)));
}

TEST(RpcFrame, WithAnErrorOfTheFutureIsAServerFailure) {
  const auto frame =
      decodeFrame(encodeFrame({FrameType::kFailure, static_cast<Error>(200), 1, 0, "", "why"}));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->error, Error::kServerFailure);
}

TEST(RpcError, HasTextsOfItsOwn) {
  std::vector<std::string> texts;
  for (int i = 1; i <= 11; ++i) {
    texts.push_back(std::error_code(i, rpc::errorCategory()).message());
    EXPECT_EQ(texts.back().find("unknown error"), std::string::npos);
  }
  EXPECT_EQ(std::error_code(12, rpc::errorCategory()).message(), "unknown error 12");
  EXPECT_STREQ(rpc::errorCategory().name(), "tern.rpc");
  EXPECT_EQ(std::error_code(Error::kCancelled).message(), "cancelled");
}

}  // namespace
}  // namespace tern::testing
