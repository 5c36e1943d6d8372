// Buffer: lent bytes: shown without a copy, taken over by whatever writes, kept when not yet read.
#include <gtest/gtest.h>
#include <tern/base/Buffer.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Heap.h"

namespace tern {
namespace {

using testing::HeapWatch;

// Memory of a receive block: a heap block of its own, which AddressSanitizer guards once it is
// gone.
class Block {
 public:
  explicit Block(std::string_view bytes) : size_(bytes.size()), bytes_(new char[bytes.size()]) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  [[nodiscard]] std::span<const char> span() const { return {bytes_.get(), size_}; }
  [[nodiscard]] const char* data() const { return bytes_.get(); }
  void free() { bytes_.reset(); }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

TEST(Buffer, LentBytesAreSeenWhereTheyLie) {
  const Block block("hello");
  const HeapWatch heap;
  Buffer buffer;
  buffer.lend(block.span());
  EXPECT_TRUE(buffer.borrowing());
  EXPECT_EQ(buffer.peek(), block.data());
  EXPECT_EQ(buffer.view(), "hello");
  EXPECT_EQ(buffer.internalCapacity(), 0U);
  EXPECT_EQ(buffer.writableBytes(), 0U);
  EXPECT_EQ(buffer.prependableBytes(), 0U);
  EXPECT_EQ(heap.allocations(), 0U);
}

TEST(Buffer, LentBytesThatWereReadCompletelyCostNoMemory) {
  const HeapWatch heap;
  const Block block("line\r\n\0\0\0\7");
  const std::ptrdiff_t ofTheBlock = heap.blocks();
  Buffer buffer;
  for (int message = 0; message < 3; ++message) {
    buffer.lend(block.span());
    buffer.retrieveUntil(buffer.findCRLF() + 2);
    buffer.retrieve(buffer.readableBytes());
    EXPECT_TRUE(buffer.empty());
    buffer.settle();
    EXPECT_FALSE(buffer.borrowing());
  }
  EXPECT_EQ(heap.blocks(), ofTheBlock);
  EXPECT_EQ(heap.allocations(), 1U) << "the block's own";
  EXPECT_EQ(buffer.internalCapacity(), 0U);
}

TEST(Buffer, SettleKeepsWhatTheReaderLeftAndNothingMore) {
  Block block("readleft");
  Buffer buffer;
  buffer.lend(block.span());
  EXPECT_EQ(buffer.retrieveAsString(4), "read");
  EXPECT_EQ(buffer.peek(), block.data() + 4);
  buffer.settle();
  block.free();
  EXPECT_FALSE(buffer.borrowing());
  EXPECT_EQ(buffer.view(), "left");
  EXPECT_EQ(buffer.internalCapacity(), 4U + Buffer::kCheapPrepend);
}

TEST(Buffer, SettleTwiceIsSettleOnce) {
  Block block("abc");
  Buffer buffer;
  buffer.lend(block.span());
  buffer.settle();
  block.free();
  const char* const bytes = buffer.peek();
  buffer.settle();
  EXPECT_EQ(buffer.view(), "abc");
  EXPECT_EQ(buffer.peek(), bytes);
}

TEST(Buffer, SettleWithoutALoanLeavesReadableBytesWhereTheyAre) {
  Buffer buffer;
  buffer.append("own");
  const char* const bytes = buffer.peek();
  const std::size_t capacity = buffer.internalCapacity();
  buffer.settle();
  EXPECT_EQ(buffer.view(), "own");
  EXPECT_EQ(buffer.peek(), bytes);
  EXPECT_EQ(buffer.internalCapacity(), capacity);
}

TEST(Buffer, ADrainedBufferWithMemoryOfItsOwnBorrowsWithoutCopying) {
  const Block block("lent");
  Buffer buffer;
  buffer.append("own");
  buffer.retrieveAll();
  buffer.lend(block.span());
  EXPECT_TRUE(buffer.borrowing());
  EXPECT_EQ(buffer.peek(), block.data());
  buffer.retrieveAll();
  buffer.settle();
  EXPECT_EQ(buffer.internalCapacity(), 0U);
}

TEST(Buffer, BytesLentBehindReadableOnesJoinThem) {
  Block block("def");
  Buffer buffer;
  buffer.append("abc");
  buffer.lend(block.span());
  block.free();
  EXPECT_FALSE(buffer.borrowing());
  EXPECT_EQ(buffer.view(), "abcdef");
  buffer.settle();
  EXPECT_EQ(buffer.view(), "abcdef");
}

TEST(Buffer, ALineSplitOverTwoLoansIsFoundWhole) {
  Block first("GET / HT");
  Block second("TP/1.1\r\nHost: x");
  Buffer buffer;
  buffer.lend(first.span());
  EXPECT_EQ(buffer.findCRLF(), nullptr);
  buffer.settle();
  first.free();
  buffer.lend(second.span());
  ASSERT_NE(buffer.findCRLF(), nullptr);
  const auto length = static_cast<std::size_t>(buffer.findCRLF() - buffer.peek());
  EXPECT_EQ(buffer.retrieveAsString(length), "GET / HTTP/1.1");
  buffer.retrieve(2);
  buffer.settle();
  second.free();
  EXPECT_EQ(buffer.view(), "Host: x");
}

TEST(Buffer, ASecondLoanWithoutSettlingStandsBehindTheFirst) {
  Block first("first");
  Block second("second");
  Buffer buffer;
  buffer.lend(first.span());
  buffer.retrieve(2);
  buffer.lend(second.span());
  EXPECT_EQ(buffer.view(), "rstsecond");
  buffer.settle();
  first.free();
  second.free();
  EXPECT_EQ(buffer.view(), "rstsecond");
}

TEST(Buffer, ASecondLoanAfterTheFirstWasReadIsComplete) {
  Block first("first");
  Block second("second");
  Buffer buffer;
  buffer.lend(first.span());
  buffer.retrieveAll();
  buffer.lend(second.span());
  EXPECT_EQ(buffer.view(), "second");
  buffer.settle();
  first.free();
  second.free();
  EXPECT_EQ(buffer.view(), "second");
}

TEST(Buffer, AnEmptyLoanIsHarmless) {
  const HeapWatch heap;
  Buffer buffer;
  buffer.lend({});
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.findCRLF(), nullptr);
  EXPECT_EQ(buffer.findEOL(), nullptr);
  buffer.settle();
  EXPECT_FALSE(buffer.borrowing());
  EXPECT_EQ(heap.allocations(), 0U);

  buffer.append("abc");
  buffer.lend({});
  EXPECT_EQ(buffer.view(), "abc");
  buffer.settle();
  EXPECT_EQ(buffer.view(), "abc");

  buffer.retrieveAll();
  buffer.lend({});
  buffer.append("x");
  buffer.settle();
  EXPECT_EQ(buffer.view(), "x");
}

TEST(Buffer, IntegersAreReadFromLentBytes) {
  const Block block(std::string_view("\1\0\2\0\0\0\3\0\0\0\0\0\0\0\4", 15));
  Buffer buffer;
  buffer.lend(block.span());
  EXPECT_EQ(buffer.peekInt8(), 1);
  EXPECT_EQ(buffer.readInt8(), 1);
  EXPECT_EQ(buffer.readInt16(), 2);
  EXPECT_EQ(buffer.readInt32(), 3);
  EXPECT_EQ(buffer.readInt64(), 4);
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(buffer.borrowing());
}

TEST(Buffer, ReadingMoreThanWasLentThrowsAndKeepsTheLoan) {
  const Block block("abc");
  Buffer buffer;
  buffer.lend(block.span());
  EXPECT_THROW(buffer.retrieve(4), std::out_of_range);
  EXPECT_THROW(buffer.readInt32(), std::out_of_range);
  EXPECT_THROW(buffer.unwrite(4), std::out_of_range);
  EXPECT_THROW(buffer.hasWritten(1), std::out_of_range) << "lent memory is not to be written";
  EXPECT_THROW(buffer.retrieveUntil(block.data() + 4), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer.findCRLF(block.data() - 1)), std::out_of_range);
  EXPECT_TRUE(buffer.borrowing());
  EXPECT_EQ(buffer.peek(), block.data());
  EXPECT_EQ(buffer.view(), "abc");
}

// --- whatever writes takes the lent bytes over first ---

struct Writing {
  const char* name;
  std::function<void(Buffer&)> write;
  std::string before;  // what it puts in front of the bytes that are left
  std::string after;   // and behind them
};

std::vector<Writing> allWriting() {
  return {
      {"append", [](Buffer& b) { b.append("new"); }, "", "new"},
      {"append much", [](Buffer& b) { b.append(std::string(5000, 'n')); }, "",
       std::string(5000, 'n')},
      {"appendInt8", [](Buffer& b) { b.appendInt8('n'); }, "", "n"},
      {"appendInt64", [](Buffer& b) { b.appendInt64(1); }, "", std::string("\0\0\0\0\0\0\0\1", 8)},
      {"prepend", [](Buffer& b) { b.prepend("new"); }, "new", ""},
      {"prepend much", [](Buffer& b) { b.prepend(std::string(5000, 'n')); }, std::string(5000, 'n'),
       ""},
      {"prependInt16", [](Buffer& b) { b.prependInt16(1); }, std::string("\0\1", 2), ""},
      {"ensureWritableBytes",
       [](Buffer& b) {
         b.ensureWritableBytes(3);
         ASSERT_GE(b.writableBytes(), 3U);
         std::memcpy(b.beginWrite(), "new", 3);
         b.hasWritten(3);
       },
       "", "new"},
      {"beginWrite", [](Buffer& b) { static_cast<void>(b.beginWrite()); }, "", ""},
      {"shrink to none", [](Buffer& b) { b.shrink(0); }, "", ""},
      {"shrink with reserve", [](Buffer& b) { b.shrink(10); }, "", ""},
      {"swap",
       [](Buffer& b) {
         Buffer other;
         b.swap(other);
         b.swap(other);
       },
       "", ""},
      {"move away and back",
       [](Buffer& b) {
         Buffer other(std::move(b));
         b = std::move(other);
       },
       "", ""},
  };
}

class BufferWhileLent : public ::testing::TestWithParam<std::size_t> {};  // how much was read

TEST_P(BufferWhileLent, WritingTakesTheBytesOverFirst) {
  const std::string text = "borrowed";
  for (const Writing& writing : allWriting()) {
    SCOPED_TRACE(writing.name);
    Block block(text);
    Buffer buffer;
    buffer.lend(block.span());
    buffer.retrieve(GetParam());
    writing.write(buffer);
    block.free();
    EXPECT_FALSE(buffer.borrowing());
    const std::string expected = writing.before + text.substr(GetParam()) + writing.after;
    EXPECT_EQ(buffer.view(), expected);
    buffer.settle();
    EXPECT_EQ(buffer.view(), expected);
    buffer.append("!");
    buffer.prepend("?");
    EXPECT_EQ(buffer.view(), "?" + expected + "!");
    buffer.retrieveAll();
    EXPECT_TRUE(buffer.empty());
    buffer.append("reused");
    EXPECT_EQ(buffer.view(), "reused");
  }
}

TEST_P(BufferWhileLent, UnwriteTakesBackLentBytes) {
  Block block("borrowed");
  Buffer buffer;
  buffer.lend(block.span());
  buffer.retrieve(GetParam());
  const std::size_t left = 8 - GetParam();
  buffer.unwrite(left / 2);
  buffer.settle();
  block.free();
  EXPECT_EQ(buffer.view(), std::string("borrowed").substr(GetParam(), left - left / 2));
}

TEST_P(BufferWhileLent, ACopyHasMemoryOfItsOwnAndTheLoanGoesOn) {
  Block block("borrowed");
  const std::string left = std::string("borrowed").substr(GetParam());
  Buffer buffer;
  buffer.lend(block.span());
  buffer.retrieve(GetParam());
  const Buffer copy(buffer);
  Buffer assigned;
  assigned.append("old");
  assigned = buffer;
  EXPECT_TRUE(buffer.borrowing());
  EXPECT_EQ(buffer.view(), left);
  buffer.retrieveAll();
  buffer.settle();
  block.free();
  EXPECT_FALSE(copy.borrowing());
  EXPECT_FALSE(assigned.borrowing());
  EXPECT_EQ(copy.view(), left);
  EXPECT_EQ(assigned.view(), left);
}

TEST_P(BufferWhileLent, TheLoanDoesNotTravelWithAMove) {
  Block block("borrowed");
  const std::string left = std::string("borrowed").substr(GetParam());
  Buffer from;
  from.lend(block.span());
  from.retrieve(GetParam());
  Buffer to(std::move(from));
  from.settle();  // NOLINT(bugprone-use-after-move): as the connection does after the callback
  block.free();
  EXPECT_FALSE(to.borrowing());
  EXPECT_EQ(to.view(), left);
  EXPECT_TRUE(from.empty());
  EXPECT_FALSE(from.borrowing());
}

TEST_P(BufferWhileLent, AssignmentToTheBorrowerEndsTheLoan) {
  Block block("borrowed");
  Buffer replacement;
  replacement.append("replacement");
  Buffer copied;
  copied.lend(block.span());
  copied.retrieve(GetParam());
  copied = replacement;
  Buffer moved;
  moved.lend(block.span());
  moved.retrieve(GetParam());
  moved = std::move(replacement);
  block.free();
  EXPECT_FALSE(copied.borrowing());
  EXPECT_FALSE(moved.borrowing());
  EXPECT_EQ(copied.view(), "replacement");
  EXPECT_EQ(moved.view(), "replacement");
  EXPECT_TRUE(replacement.empty());  // NOLINT(bugprone-use-after-move)
  copied.settle();
  moved.settle();
  EXPECT_EQ(copied.view(), "replacement");
  EXPECT_EQ(moved.view(), "replacement");
}

TEST_P(BufferWhileLent, SwapOfTwoLoansExchangesTheirBytes) {
  Block one("borrowed");
  Block two("other");
  Buffer a;
  Buffer b;
  a.lend(one.span());
  a.retrieve(GetParam());
  b.lend(two.span());
  a.swap(b);
  one.free();
  two.free();
  EXPECT_FALSE(a.borrowing());
  EXPECT_FALSE(b.borrowing());
  EXPECT_EQ(a.view(), "other");
  EXPECT_EQ(b.view(), std::string("borrowed").substr(GetParam()));
}

TEST_P(BufferWhileLent, LentBytesCanBeAppendedAndPrependedToThemselves) {
  Block block("borrowed");
  const std::string left = std::string("borrowed").substr(GetParam());
  Buffer appended;
  appended.lend(block.span());
  appended.retrieve(GetParam());
  appended.append(appended.view());
  Buffer prepended;
  prepended.lend(block.span());
  prepended.retrieve(GetParam());
  prepended.prepend(prepended.view());
  Buffer relent;
  relent.lend(block.span());
  relent.retrieve(GetParam());
  relent.lend(std::span(relent.peek(), relent.readableBytes()));
  relent.settle();
  block.free();
  EXPECT_EQ(appended.view(), left + left);
  EXPECT_EQ(prepended.view(), left + left);
  EXPECT_EQ(relent.view(), left + left);
}

TEST_P(BufferWhileLent, AssigningToItselfLosesNothing) {
  Block block("borrowed");
  Buffer buffer;
  Buffer& alias = buffer;
  buffer.lend(block.span());
  buffer.retrieve(GetParam());
  buffer = alias;
  buffer = std::move(alias);
  buffer.swap(alias);
  buffer.settle();
  block.free();
  EXPECT_EQ(buffer.view(), std::string("borrowed").substr(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Read, BufferWhileLent, ::testing::Values(0U, 3U, 8U),
                         [](const auto& test) { return std::to_string(test.param) + "of8"; });

}  // namespace
}  // namespace tern
