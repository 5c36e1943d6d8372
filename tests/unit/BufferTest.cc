// Buffer: reading, searching and integers, as muduo's users know them, and its refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/base/Buffer.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Buffer bufferOf(std::string_view bytes) {
  Buffer buffer;
  buffer.append(bytes);
  return buffer;
}

std::size_t offsetOf(const Buffer& buffer, const char* position) {
  return static_cast<std::size_t>(position - buffer.peek());
}

// --- reading ---

TEST(Buffer, AFreshOneIsEmpty) {
  const Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.readableBytes(), 0U);
  EXPECT_EQ(buffer.writableBytes(), 0U);
  EXPECT_EQ(buffer.prependableBytes(), 0U);
  EXPECT_EQ(buffer.view(), "");
  EXPECT_FALSE(buffer.borrowing());
}

TEST(Buffer, BytesAreReadInTheOrderTheyWereAppended) {
  Buffer buffer;
  buffer.append("one ");
  buffer.append(std::string("two "));
  buffer.append("three!", 5);
  EXPECT_EQ(buffer.view(), "one two three");
  EXPECT_EQ(buffer.toStringView(), "one two three");
  EXPECT_EQ(buffer.readableBytes(), 13U);
  EXPECT_EQ(*buffer.peek(), 'o');
  EXPECT_FALSE(buffer.empty());
}

TEST(Buffer, EveryByteValuePassesThrough) {
  std::string all;
  for (int value = 0; value < 256; ++value) all.push_back(static_cast<char>(value));
  Buffer buffer = bufferOf(all);
  EXPECT_EQ(buffer.view(), all);
  EXPECT_EQ(buffer.retrieveAllAsString(), all);
}

TEST(Buffer, AppendingOrPrependingNothingChangesNothing) {
  Buffer buffer = bufferOf("abc");
  buffer.append(std::string_view{});
  buffer.append(nullptr, 0);
  buffer.prepend(std::string_view{});
  buffer.prepend(nullptr, 0);
  EXPECT_EQ(buffer.view(), "abc");
}

TEST(Buffer, RetrieveDropsBytesFromTheFront) {
  Buffer buffer = bufferOf("abcdef");
  buffer.retrieve(0);
  EXPECT_EQ(buffer.view(), "abcdef");
  buffer.retrieve(2);
  EXPECT_EQ(buffer.view(), "cdef");
  buffer.retrieve(4);
  EXPECT_TRUE(buffer.empty());
  buffer.retrieve(0);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, RetrieveUntilStopsBeforeThePointer) {
  Buffer buffer = bufferOf("GET /\r\nHost");
  buffer.retrieveUntil(buffer.peek());
  EXPECT_EQ(buffer.view(), "GET /\r\nHost");
  buffer.retrieveUntil(buffer.findCRLF() + 2);
  EXPECT_EQ(buffer.view(), "Host");
  buffer.retrieveUntil(buffer.peek() + buffer.readableBytes());
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, RetrieveAllEmptiesAndTheNextAppendStartsAnew) {
  Buffer buffer = bufferOf("abc");
  buffer.retrieveAll();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.prependableBytes(), Buffer::kCheapPrepend);
  buffer.append("de");
  EXPECT_EQ(buffer.view(), "de");
  Buffer fresh;
  fresh.retrieveAll();
  EXPECT_TRUE(fresh.empty());
}

TEST(Buffer, RetrieveAsStringHandsOutThePrefix) {
  Buffer buffer = bufferOf("hello, world");
  EXPECT_EQ(buffer.retrieveAsString(5), "hello");
  EXPECT_EQ(buffer.retrieveAsString(0), "");
  EXPECT_EQ(buffer.retrieveAllAsString(), ", world");
  EXPECT_EQ(buffer.retrieveAllAsString(), "");
  EXPECT_EQ(Buffer().retrieveAllAsString(), "");
}

TEST(Buffer, RetrievingAnIntegerDropsItsWidth) {
  Buffer buffer = bufferOf("8bytes__4by_2b1.");
  buffer.retrieveInt64();
  EXPECT_EQ(buffer.view(), "4by_2b1.");
  buffer.retrieveInt32();
  EXPECT_EQ(buffer.view(), "2b1.");
  buffer.retrieveInt16();
  EXPECT_EQ(buffer.view(), "1.");
  buffer.retrieveInt8();
  EXPECT_EQ(buffer.view(), ".");
}

// Everything that reads, wanting one byte (or a whole integer) more than the three that are there.
TEST(Buffer, ReadingMoreThanIsThereThrowsAndChangesNothing) {
  Buffer buffer = bufferOf("abc");
  const char* const before = buffer.peek();
  const std::vector<std::pair<const char*, std::function<void()>>> calls = {
      {"retrieve", [&] { buffer.retrieve(4); }},
      {"retrieve most", [&] { buffer.retrieve(std::numeric_limits<std::size_t>::max()); }},
      {"retrieveAsString", [&] { static_cast<void>(buffer.retrieveAsString(4)); }},
      {"retrieveInt32", [&] { buffer.retrieveInt32(); }},
      {"retrieveInt64", [&] { buffer.retrieveInt64(); }},
      {"peekInt32", [&] { static_cast<void>(buffer.peekInt32()); }},
      {"peekInt64", [&] { static_cast<void>(buffer.peekInt64()); }},
      {"readInt32", [&] { buffer.readInt32(); }},
      {"readInt64", [&] { buffer.readInt64(); }},
      {"unwrite", [&] { buffer.unwrite(4); }},
      {"retrieveUntil", [&] { buffer.retrieveUntil(before + 4); }},
      {"retrieveUntil before", [&] { buffer.retrieveUntil(before - 1); }},
      {"retrieveUntil null", [&] { buffer.retrieveUntil(nullptr); }},
      {"findCRLF", [&] { static_cast<void>(buffer.findCRLF(before + 4)); }},
      {"findCRLF before", [&] { static_cast<void>(buffer.findCRLF(before - 1)); }},
      {"findCRLF null", [&] { static_cast<void>(buffer.findCRLF(nullptr)); }},
      {"findEOL", [&] { static_cast<void>(buffer.findEOL(before + 4)); }},
      {"findEOL before", [&] { static_cast<void>(buffer.findEOL(before - 1)); }},
      {"findEOL null", [&] { static_cast<void>(buffer.findEOL(nullptr)); }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    EXPECT_THROW(call(), std::out_of_range);
    EXPECT_EQ(buffer.view(), "abc");
    EXPECT_EQ(buffer.peek(), before);
  }
}

TEST(Buffer, ReadingFromAnEmptyOneThrows) {
  Buffer buffer;
  EXPECT_THROW(buffer.retrieve(1), std::out_of_range);
  EXPECT_THROW(buffer.readInt8(), std::out_of_range);
  EXPECT_THROW(buffer.readInt16(), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer.peekInt8()), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer.peekInt16()), std::out_of_range);
  EXPECT_THROW(buffer.retrieveInt8(), std::out_of_range);
  EXPECT_THROW(buffer.retrieveInt16(), std::out_of_range);
  EXPECT_THROW(buffer.unwrite(1), std::out_of_range);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, ARefusalSaysWhichCallWantedHowMuch) {
  Buffer buffer = bufferOf("abc");
  EXPECT_THAT([&] { buffer.retrieve(17); },
              ::testing::ThrowsMessage<std::out_of_range>(
                  AllOf(HasSubstr("retrieve"), HasSubstr("17"), HasSubstr("3"))));
  EXPECT_THAT([&] { buffer.retrieveUntil(nullptr); },
              ::testing::ThrowsMessage<std::out_of_range>(HasSubstr("retrieveUntil")));
}

// --- searching ---

TEST(Buffer, FindCRLFFindsTheFirstPairAtOrAfterTheStart) {
  const Buffer buffer = bufferOf("a\r\nb\r\n");
  EXPECT_EQ(offsetOf(buffer, buffer.findCRLF()), 1U);
  EXPECT_EQ(offsetOf(buffer, buffer.findCRLF(buffer.peek() + 1)), 1U);
  EXPECT_EQ(offsetOf(buffer, buffer.findCRLF(buffer.peek() + 2)), 4U)
      << "from the middle of a pair";
  EXPECT_EQ(buffer.findCRLF(buffer.peek() + 5), nullptr) << "only the LF is left";
  EXPECT_EQ(buffer.findCRLF(buffer.peek() + 6), nullptr) << "the very end";
}

TEST(Buffer, FindCRLFIsNotFooledByHalves) {
  EXPECT_EQ(Buffer().findCRLF(), nullptr);
  EXPECT_EQ(bufferOf("\r").findCRLF(), nullptr);
  EXPECT_EQ(bufferOf("\n").findCRLF(), nullptr);
  EXPECT_EQ(bufferOf("\n\r").findCRLF(), nullptr);
  EXPECT_EQ(bufferOf("a\rb\nc").findCRLF(), nullptr);
  const Buffer doubled = bufferOf("\r\r\n");
  EXPECT_EQ(offsetOf(doubled, doubled.findCRLF()), 1U);
}

TEST(Buffer, FindCRLFSeesAPairThatArrivedInTwoPieces) {
  Buffer buffer = bufferOf("line\r");
  EXPECT_EQ(buffer.findCRLF(), nullptr);
  buffer.append("\n");
  ASSERT_NE(buffer.findCRLF(), nullptr);
  EXPECT_EQ(offsetOf(buffer, buffer.findCRLF()), 4U);
}

TEST(Buffer, SearchesStopAtTheEndOfTheReadableBytes) {
  Buffer buffer = bufferOf("x\r\n");
  buffer.unwrite(1);  // the '\n' still lies in memory, behind the end
  EXPECT_EQ(buffer.findCRLF(), nullptr);
  EXPECT_EQ(buffer.findEOL(), nullptr);
}

TEST(Buffer, SearchesStartAtWhatIsLeft) {
  Buffer buffer = bufferOf("\r\nab");
  buffer.retrieve(2);
  EXPECT_EQ(buffer.findCRLF(), nullptr);
  EXPECT_EQ(buffer.findEOL(), nullptr);
}

TEST(Buffer, FindEOLFindsALoneLineFeed) {
  const Buffer buffer = bufferOf(std::string_view("a\0\nb\n", 5));
  EXPECT_EQ(offsetOf(buffer, buffer.findEOL()), 2U);
  EXPECT_EQ(offsetOf(buffer, buffer.findEOL(buffer.peek() + 2)), 2U);
  EXPECT_EQ(offsetOf(buffer, buffer.findEOL(buffer.peek() + 3)), 4U);
  EXPECT_EQ(buffer.findEOL(buffer.peek() + 5), nullptr);
  EXPECT_EQ(bufferOf("no end\r").findEOL(), nullptr);
  EXPECT_EQ(Buffer().findEOL(), nullptr);
}

// --- integers ---

TEST(Buffer, IntegersTravelInNetworkOrder) {
  Buffer buffer;
  buffer.appendInt8(0x01);
  buffer.appendInt16(0x0203);
  buffer.appendInt32(0x04050607);
  buffer.appendInt64(0x08090A0B0C0D0E0F);
  EXPECT_EQ(buffer.view(),
            std::string_view("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F", 15));
}

TEST(Buffer, PrependedIntegersTravelInNetworkOrder) {
  Buffer buffer;
  buffer.prependInt64(0x08090A0B0C0D0E0F);
  buffer.prependInt32(0x04050607);
  buffer.prependInt16(0x0203);
  buffer.prependInt8(0x01);
  EXPECT_EQ(buffer.view(),
            std::string_view("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F", 15));
}

TEST(Buffer, KnownBytesReadAsTheirIntegers) {
  Buffer buffer = bufferOf(std::string_view("\xFE\xFF\xFE\xFF\xFF\xFF\xFE\x80\0\0\0\0\0\0\0", 15));
  EXPECT_EQ(buffer.readInt8(), -2);
  EXPECT_EQ(buffer.readInt16(), -2);
  EXPECT_EQ(buffer.readInt32(), -2);
  EXPECT_EQ(buffer.readInt64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, IntegersAtTheirLimitsComeBack) {
  // One byte in front, so that none is aligned.
  const auto roundTrip = [](auto value, auto append, auto peek, auto read) {
    Buffer buffer = bufferOf("-");
    (buffer.*append)(value);
    buffer.retrieve(1);
    EXPECT_EQ((buffer.*peek)(), value);
    EXPECT_EQ(buffer.readableBytes(), sizeof value) << "peeking took something away";
    EXPECT_EQ((buffer.*read)(), value);
    EXPECT_TRUE(buffer.empty());
  };
  const auto limits = [&](auto zero, auto append, auto peek, auto read) {
    using Int = decltype(zero);
    for (const Int value : {std::numeric_limits<Int>::min(), static_cast<Int>(-1), zero,
                            static_cast<Int>(1), std::numeric_limits<Int>::max()}) {
      roundTrip(value, append, peek, read);
    }
  };
  limits(std::int8_t{0}, &Buffer::appendInt8, &Buffer::peekInt8, &Buffer::readInt8);
  limits(std::int16_t{0}, &Buffer::appendInt16, &Buffer::peekInt16, &Buffer::readInt16);
  limits(std::int32_t{0}, &Buffer::appendInt32, &Buffer::peekInt32, &Buffer::readInt32);
  limits(std::int64_t{0}, &Buffer::appendInt64, &Buffer::peekInt64, &Buffer::readInt64);
}

}  // namespace
}  // namespace tern
