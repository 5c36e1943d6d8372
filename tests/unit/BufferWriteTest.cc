// Buffer: writing, prepending, its own bytes as the source, impossible sizes, copies and moves.
#include <gtest/gtest.h>
#include <tern/base/Buffer.h>

#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tern {
namespace {

Buffer bufferOf(std::string_view bytes) {
  Buffer buffer;
  buffer.append(bytes);
  return buffer;
}

// --- writing ---

TEST(Buffer, WhatWasWrittenDirectlyBecomesReadable) {
  Buffer buffer = bufferOf("head ");
  buffer.ensureWritableBytes(4);
  ASSERT_GE(buffer.writableBytes(), 4U);
  std::memcpy(buffer.beginWrite(), "body", 4);
  EXPECT_EQ(buffer.view(), "head ") << "not before hasWritten()";
  buffer.hasWritten(4);
  EXPECT_EQ(buffer.view(), "head body");
}

TEST(Buffer, AllWritableBytesCanBeWritten) {
  Buffer buffer;
  buffer.ensureWritableBytes(5000);
  const std::size_t room = buffer.writableBytes();
  ASSERT_GE(room, 5000U);
  std::memset(buffer.beginWrite(), 'w', room);
  buffer.hasWritten(room);
  EXPECT_EQ(buffer.writableBytes(), 0U);
  EXPECT_EQ(buffer.view(), std::string(room, 'w'));
}

TEST(Buffer, ClaimingToHaveWrittenMoreThanTheRoomThrowsAndChangesNothing) {
  Buffer buffer = bufferOf("abc");
  const std::size_t room = buffer.writableBytes();
  EXPECT_THROW(buffer.hasWritten(room + 1), std::out_of_range);
  EXPECT_THROW(buffer.hasWritten(std::numeric_limits<std::size_t>::max()), std::out_of_range);
  EXPECT_EQ(buffer.view(), "abc");
  EXPECT_EQ(buffer.writableBytes(), room);
  EXPECT_THROW(Buffer().hasWritten(1), std::out_of_range);
  EXPECT_NO_THROW(Buffer().hasWritten(0));
}

TEST(Buffer, UnwriteTakesBackTheLastBytes) {
  Buffer buffer = bufferOf("abcdef");
  const std::size_t room = buffer.writableBytes();
  buffer.unwrite(0);
  buffer.unwrite(2);
  EXPECT_EQ(buffer.view(), "abcd");
  EXPECT_EQ(buffer.writableBytes(), room + 2);
  buffer.append("XY");
  EXPECT_EQ(buffer.view(), "abcdXY");
  buffer.unwrite(6);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, AHeaderIsPrependedWithoutMovingTheBody) {
  Buffer buffer = bufferOf("body");
  ASSERT_GE(buffer.prependableBytes(), Buffer::kCheapPrepend);
  const char* const body = buffer.peek();
  buffer.prependInt32(4);
  buffer.prependInt32(7);
  EXPECT_EQ(buffer.peek() + 8, body);
  EXPECT_EQ(buffer.view(), std::string_view("\0\0\0\7\0\0\0\4body", 12));
}

TEST(Buffer, PrependingMoreThanTheRoomKeepsTheOrder) {
  Buffer buffer = bufferOf("tail");
  const std::string head(3000, 'h');
  buffer.prepend(head);
  EXPECT_EQ(buffer.view(), head + "tail");
  buffer.prepend("x");
  EXPECT_EQ(buffer.view(), "x" + head + "tail");
  buffer.append("end");
  EXPECT_EQ(buffer.view(), "x" + head + "tailend");
}

TEST(Buffer, PrependToAnEmptyOneIsLikeAppend) {
  Buffer fresh;
  fresh.prepend("abc");
  EXPECT_EQ(fresh.view(), "abc");
  Buffer drained = bufferOf("gone");
  drained.retrieveAll();
  drained.prepend("a header of more than eight bytes");
  EXPECT_EQ(drained.view(), "a header of more than eight bytes");
  drained.append(" and a body");
  EXPECT_EQ(drained.view(), "a header of more than eight bytes and a body");
}

// --- its own bytes as the source ---

TEST(Buffer, ItsOwnBytesCanBeAppended) {
  std::string model = "0123456789";
  Buffer buffer = bufferOf(model);
  for (int doubling = 0; doubling < 12; ++doubling) {  // with room and without, several times over
    buffer.append(buffer.view());
    model += model;
    ASSERT_EQ(buffer.view(), model);
  }
  const std::string part = model.substr(5, 30000);
  buffer.append(buffer.view().substr(5, 30000));
  EXPECT_EQ(buffer.view(), model + part);
}

TEST(Buffer, ItsOwnBytesCanBePrepended) {
  std::string model = "01234567";
  Buffer buffer = bufferOf(model);
  buffer.prepend(buffer.view());  // fits into the cheap room
  model += model;
  ASSERT_EQ(buffer.view(), model);
  for (int doubling = 0; doubling < 8; ++doubling) {
    buffer.prepend(buffer.view());
    model += model;
    ASSERT_EQ(buffer.view(), model);
  }
  const std::string part = model.substr(model.size() - 100);
  buffer.prepend(buffer.view().substr(model.size() - 100));
  EXPECT_EQ(buffer.view(), part + model);
}

TEST(Buffer, ItsOwnLastBytesCanBeAppendedWhenGrowingMovesThem) {
  Buffer buffer;
  buffer.ensureWritableBytes(100);
  buffer.append(std::string(buffer.writableBytes(), 'a'));
  buffer.unwrite(1);
  buffer.append("z");
  ASSERT_EQ(buffer.writableBytes(), 0U);
  const std::string before(buffer.view());
  buffer.append(buffer.peek() + before.size() - 1, 1);
  EXPECT_EQ(buffer.view(), before + "z");
}

// --- sizes that no memory holds ---

TEST(Buffer, ImpossibleSizesThrowAndChangeNothing) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  // Of several lengths, so that sums with them wrap around at different places.
  for (const std::size_t readable : {0U, 3U, 8U, 5000U}) {
    const std::string text(readable, 'x');
    for (const std::size_t size :
         {kMost, kMost - 1, kMost - 11, kMost - 1249, kMost - 5000, kMost - 5008, kMost / 2 + 1}) {
      Buffer buffer = bufferOf(text);
      EXPECT_THROW(buffer.ensureWritableBytes(size), std::length_error);
      EXPECT_THROW(buffer.append("", size), std::length_error);
      EXPECT_THROW(buffer.prepend("", size), std::length_error);
      EXPECT_THROW(buffer.shrink(size), std::length_error);
      EXPECT_EQ(buffer.view(), text);

      Buffer borrower;
      borrower.lend(text);
      EXPECT_THROW(borrower.ensureWritableBytes(size), std::length_error);
      EXPECT_THROW(borrower.append("", size), std::length_error);
      EXPECT_THROW(borrower.prepend("", size), std::length_error);
      EXPECT_THROW(borrower.shrink(size), std::length_error);
      EXPECT_EQ(borrower.view(), text);
    }
  }
}

// --- copies ---

TEST(Buffer, ACopyIsIndependent) {
  Buffer original = bufferOf("shared");
  original.retrieve(1);
  Buffer copy(original);
  EXPECT_EQ(copy.view(), "hared");
  copy.append(" no more");
  original.prepend("s");
  EXPECT_EQ(original.view(), "shared");
  EXPECT_EQ(copy.view(), "hared no more");
  original = copy;
  EXPECT_EQ(original.view(), "hared no more");
  copy.retrieveAll();
  EXPECT_EQ(original.view(), "hared no more");
}

TEST(Buffer, MovingHandsTheMemoryOver) {
  Buffer from = bufferOf("payload");
  const char* const bytes = from.peek();
  Buffer to(std::move(from));
  EXPECT_EQ(to.view(), "payload");
  EXPECT_EQ(to.peek(), bytes);
  EXPECT_TRUE(
      from.empty());  // NOLINT(bugprone-use-after-move): what is left is part of the contract
  EXPECT_EQ(from.internalCapacity(), 0U);
  from.append("usable");
  EXPECT_EQ(from.view(), "usable");

  to = std::move(from);
  EXPECT_EQ(to.view(), "usable");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.internalCapacity(), 0U) << "the bytes that were overwritten must not move in";
}

TEST(Buffer, AssigningToItselfChangesNothing) {
  Buffer buffer = bufferOf("me");
  Buffer& alias = buffer;
  buffer = alias;
  EXPECT_EQ(buffer.view(), "me");
  buffer = std::move(alias);
  EXPECT_EQ(buffer.view(), "me");
  buffer.swap(alias);
  EXPECT_EQ(buffer.view(), "me");
}

TEST(Buffer, SwapExchangesContents) {
  Buffer a = bufferOf("first");
  Buffer b;
  a.swap(b);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(b.view(), "first");
  a.append("second");
  a.swap(b);
  EXPECT_EQ(a.view(), "first");
  EXPECT_EQ(b.view(), "second");
}

}  // namespace
}  // namespace tern
