// Buffer: how much memory it takes, when it gives it back, and what is left when there is none.
#include <gtest/gtest.h>
#include <tern/base/Buffer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "Heap.h"
#include "support/Sanitizers.h"

namespace tern {
namespace {

using testing::HeapWatch;

Buffer bufferOf(std::string_view bytes) {
  Buffer buffer;
  buffer.append(bytes);
  return buffer;
}

TEST(Buffer, HoldsNoHeapBeforeTheFirstByte) {
  const HeapWatch heap;
  {
    Buffer buffer;
    buffer.append(std::string_view{});
    buffer.prepend(std::string_view{});
    buffer.ensureWritableBytes(0);
    buffer.retrieveAll();
    buffer.settle();
    buffer.shrink(0);
    Buffer copy(buffer);
    const Buffer moved(std::move(copy));
    EXPECT_EQ(buffer.internalCapacity(), 0U);
    EXPECT_EQ(moved.internalCapacity(), 0U);
  }
  EXPECT_EQ(heap.allocations(), 0U);
}

TEST(Buffer, FreesWhatItTook) {
  const HeapWatch heap;
  {
    Buffer buffer = bufferOf("abc");
    buffer.append(std::string(2000, 'x'));
    Buffer copy = buffer;
    Buffer moved = std::move(buffer);
    copy = moved;
    moved = std::move(copy);
    EXPECT_GT(heap.blocks(), 0);
  }
  EXPECT_EQ(heap.blocks(), 0);
}

// How many blocks a thread that does this has left behind at its end.
std::ptrdiff_t blocksLeftBy(const std::function<void()>& work) {
  // Made before the thread's first block, so gone after what the thread has kept.
  struct Watch {
    ~Watch() { *left = heap.blocks(); }
    std::ptrdiff_t* left;
    HeapWatch heap;
  };
  std::ptrdiff_t left = PTRDIFF_MAX;
  std::thread([&] {
    static thread_local const Watch watch{&left, {}};
    static_cast<void>(watch.left);
    work();
  }).join();
  return left;
}

// None are kept under AddressSanitizer, so that it sees each block's end.
TEST(Buffer, BlocksOfWholeMessagesAreKeptForTheNextAndFreedWithTheThread) {
  static constexpr std::size_t kSizes[] = {4096, 5000, 16'384, 20'000, 65'536, 2'000'000};
  std::size_t again = 0;
  const std::ptrdiff_t left = blocksLeftBy([&] {
    std::vector<std::string> messages;
    for (const std::size_t size : kSizes) messages.emplace_back(size, 'a');
    for (const std::string& message : messages) static_cast<void>(bufferOf(message));
    const HeapWatch heap;
    for (const std::string& message : messages) EXPECT_EQ(bufferOf(message).view(), message);
    again = heap.allocations();
  });
  if (!testing::kSanitized) {
    EXPECT_EQ(again, 0U);
  }
  EXPECT_EQ(left, blocksLeftBy([] {}));
}

TEST(Buffer, BlocksOfASizeThatIsUsedTakeThePlaceOfThoseOfOneThatIsNot) {
  std::size_t again = 0;
  std::thread([&] {
    static_cast<void>(std::vector<Buffer>(300, bufferOf(std::string(65'000, 'a'))));
    static_cast<void>(std::vector<Buffer>(300, bufferOf(std::string(12'000, 'b'))));
    const Buffer message = bufferOf(std::string(12'000, 'b'));
    std::vector<Buffer> buffers(100);
    const HeapWatch heap;
    for (Buffer& buffer : buffers) buffer = message;
    again = heap.allocations();
  }).join();
  if (!testing::kSanitized) {
    EXPECT_EQ(again, 0U);
  }
}

TEST(Buffer, ABlockHasAtMostAQuarterMoreThanItWasAskedFor) {
  for (std::size_t size = 4096; size <= 4'000'000; size += size / 100) {
    Buffer buffer;
    buffer.shrink(size);
    EXPECT_GE(buffer.writableBytes(), size);
    EXPECT_LE(buffer.internalCapacity(), (size + Buffer::kCheapPrepend) * 5 / 4);
  }
}

TEST(Buffer, TheFirstBytesGetTheInitialSize) {
  EXPECT_EQ(bufferOf("a").internalCapacity(), Buffer::kInitialSize);
  EXPECT_GE(bufferOf(std::string(5000, 'a')).internalCapacity(), 5000U);
  EXPECT_LE(bufferOf(std::string(5000, 'a')).internalCapacity(), 5000U + Buffer::kInitialSize);
}

TEST(Buffer, ALongRunOfSmallAppendsTakesFewAllocations) {
  // A thread's first large block takes an allocation more, to have the kept ones freed at its end.
  static_cast<void>(bufferOf(std::string(100'000, 'a')));
  Buffer buffer;
  const HeapWatch heap;
  for (int i = 0; i < 1 << 20; ++i) buffer.append("x", 1);
  EXPECT_LE(heap.allocations(), 12U);
  EXPECT_LE(buffer.internalCapacity(), std::size_t{2} << 20U);
}

// A reader that is always a little behind: the bytes in the buffer are few, so its memory is, too.
TEST(Buffer, SteadyTrafficDoesNotGrowIt) {
  Buffer buffer = bufferOf(std::string(300, 'a'));
  const std::string message(200, 'm');
  for (int i = 0; i < 1000; ++i) {
    buffer.append(message);
    buffer.retrieve(message.size());
  }
  const HeapWatch heap;
  for (int i = 0; i < 1000; ++i) {
    buffer.append(message);
    buffer.retrieve(message.size());
  }
  EXPECT_EQ(heap.allocations(), 0U);
  EXPECT_LE(buffer.internalCapacity(), 2 * Buffer::kInitialSize);
  EXPECT_EQ(buffer.readableBytes(), 300U);
}

TEST(Buffer, RoomFreedAtTheFrontIsUsedBeforeGrowing) {
  Buffer buffer;
  buffer.ensureWritableBytes(1000);
  buffer.append(std::string(buffer.writableBytes(), 'a'));
  const std::size_t capacity = buffer.internalCapacity();
  buffer.retrieve(buffer.readableBytes() - 10);
  buffer.append(std::string(500, 'b'));
  EXPECT_EQ(buffer.internalCapacity(), capacity);
  EXPECT_EQ(buffer.view(), std::string(10, 'a') + std::string(500, 'b'));
}

// One byte in, one byte out: room for the next is not won by moving all the others each time.
TEST(Buffer, ANearlyFullBufferIsNotMovedForEveryByte) {
  Buffer buffer = bufferOf(std::string(60000, 'a'));
  buffer.shrink(0);
  int moves = 0;
  for (int i = 0; i < 10000; ++i) {
    const char* const before = buffer.peek();
    buffer.retrieve(1);
    buffer.append("b");
    if (buffer.peek() != before + 1) ++moves;
  }
  EXPECT_LE(moves, 2);
  EXPECT_EQ(buffer.view(), std::string(50000, 'a') + std::string(10000, 'b'));
}

TEST(Buffer, GrowthIsBoundedByWhatItHolds) {
  Buffer buffer;
  for (std::size_t size = 1; size < 200000; size = size * 3 / 2 + 1) {
    buffer.append(std::string(size, 'x'));
    EXPECT_LE(buffer.internalCapacity(), 2 * buffer.readableBytes() + Buffer::kInitialSize);
    buffer.retrieve(size / 2);
  }
}

// Each prepend that found no room must not double the memory: thirty of them would fill a machine.
TEST(Buffer, ManySmallPrependsTakeMemoryForTheirBytesOnly) {
  Buffer buffer = bufferOf("body");
  std::string model = "body";
  model.reserve(20000);
  const HeapWatch heap;
  for (int i = 0; i < 2000; ++i) {
    buffer.prepend("header");
    model.insert(0, "header");
    ASSERT_LE(buffer.internalCapacity(), 4 * model.size() + 2 * Buffer::kInitialSize)
        << "after " << i + 1 << " prepends of six bytes";
  }
  EXPECT_EQ(buffer.view(), model);
  EXPECT_LE(heap.allocations(), 12U);
}

TEST(Buffer, APrependToABorrowedBufferLeavesRoomForFurtherOnes) {
  const std::string source(100, 's');
  Buffer buffer;
  buffer.lend(source);
  for (int i = 0; i < 200; ++i) {
    buffer.prependInt32(i);
    ASSERT_LE(buffer.internalCapacity(), 4 * buffer.readableBytes() + 2 * Buffer::kInitialSize);
  }
  EXPECT_EQ(buffer.readableBytes(), 900U);
}

// --- giving back ---

TEST(Buffer, OnceEmptiedMemoryAboveTheBoundIsGivenBack) {
  const std::string large(2 * Buffer::kKeepWhenEmpty, 'x');
  using Drain = std::function<void(Buffer&)>;
  const std::vector<std::pair<const char*, Drain>> drains = {
      {"retrieveAll", [](Buffer& b) { b.retrieveAll(); }},
      {"retrieve", [](Buffer& b) { b.retrieve(b.readableBytes()); }},
      {"retrieveUntil", [](Buffer& b) { b.retrieveUntil(b.peek() + b.readableBytes()); }},
      {"retrieveAllAsString", [](Buffer& b) { static_cast<void>(b.retrieveAllAsString()); }},
      {"readInt64",
       [](Buffer& b) {
         b.retrieve(b.readableBytes() - 8);
         b.readInt64();
       }},
      {"retrieveInt8",
       [](Buffer& b) {
         b.retrieve(b.readableBytes() - 1);
         b.retrieveInt8();
       }},
      {"unwrite", [](Buffer& b) { b.unwrite(b.readableBytes()); }},
      {"settle",
       [](Buffer& b) {
         b.retrieveAll();
         b.settle();
       }},
  };
  for (const auto& [name, drain] : drains) {
    SCOPED_TRACE(name);
    Buffer buffer = bufferOf(large);
    drain(buffer);
    EXPECT_TRUE(buffer.empty());
    EXPECT_LE(buffer.internalCapacity(), Buffer::kKeepWhenEmpty);
    buffer.append("usable");
    EXPECT_EQ(buffer.view(), "usable");
  }
}

TEST(Buffer, OnceEmptiedMemoryUpToTheBoundIsKept) {
  Buffer buffer;
  buffer.shrink(Buffer::kKeepWhenEmpty - Buffer::kCheapPrepend);
  ASSERT_EQ(buffer.internalCapacity(), Buffer::kKeepWhenEmpty);
  buffer.append("x");
  buffer.retrieveAll();
  EXPECT_EQ(buffer.internalCapacity(), Buffer::kKeepWhenEmpty);

  buffer.shrink(Buffer::kKeepWhenEmpty - Buffer::kCheapPrepend + 1);
  ASSERT_GT(buffer.internalCapacity(), Buffer::kKeepWhenEmpty);
  buffer.append("x");
  buffer.retrieveAll();
  EXPECT_EQ(buffer.internalCapacity(), 0U);
}

TEST(Buffer, ShrinkKeepsWhatIsReadablePlusTheReserve) {
  Buffer buffer = bufferOf(std::string(50000, 'a'));
  buffer.retrieve(49990);
  buffer.shrink(0);
  EXPECT_EQ(buffer.view(), std::string(10, 'a'));
  EXPECT_EQ(buffer.writableBytes(), 0U);
  EXPECT_LE(buffer.internalCapacity(), 10U + Buffer::kCheapPrepend);
  buffer.shrink(77);
  EXPECT_EQ(buffer.view(), std::string(10, 'a'));
  EXPECT_EQ(buffer.writableBytes(), 77U);
  EXPECT_LE(buffer.internalCapacity(), 10U + 77U + Buffer::kCheapPrepend);
  EXPECT_EQ(buffer.prependableBytes(), Buffer::kCheapPrepend);
}

TEST(Buffer, ShrinkWithNothingToHoldHoldsNoHeap) {
  const HeapWatch heap;
  Buffer buffer = bufferOf("abc");
  buffer.retrieveAll();
  buffer.shrink(0);
  EXPECT_EQ(buffer.internalCapacity(), 0U);
  EXPECT_EQ(heap.blocks(), 0);
  buffer.append("again");
  EXPECT_EQ(buffer.view(), "again");
}

TEST(Buffer, ShrinkOfAFreshOneReserves) {
  Buffer buffer;
  buffer.shrink(10);
  EXPECT_EQ(buffer.writableBytes(), 10U);
  EXPECT_TRUE(buffer.empty());
  buffer.append("0123456789");
  EXPECT_EQ(buffer.writableBytes(), 0U);
  buffer.append("a");
  EXPECT_EQ(buffer.view(), "0123456789a");
}

TEST(Buffer, SettlingAnEmptyBufferFreesItsMemory) {
  const HeapWatch heap;
  Buffer buffer = bufferOf("abc");
  buffer.retrieveAll();
  buffer.settle();
  EXPECT_EQ(buffer.internalCapacity(), 0U);
  EXPECT_EQ(heap.blocks(), 0);
}

}  // namespace
}  // namespace tern
