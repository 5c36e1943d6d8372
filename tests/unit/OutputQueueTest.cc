// OutputQueue: what is queued leaves in order, coalesced where small, uncopied where large, and
// never moves in memory.
#include <gtest/gtest.h>
#include <tern/base/OutputQueue.h>

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "Gathered.h"
#include "Heap.h"

namespace tern {
namespace {

using namespace std::string_view_literals;
using testing::bytesOf;
using testing::entriesOf;
using testing::HeapWatch;

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

std::string large(char c, std::size_t size = OutputQueue::kCopyLimit + 1) {
  std::string text(size, c);
  return text;
}

// The thread keeps a block of each queue that ends: afterwards, taking one and giving it back does
// not show in a HeapWatch.
void keepABlock() {
  OutputQueue queue;
  queue.append("x"sv);
}

static_assert(!std::is_copy_constructible_v<OutputQueue>);
static_assert(std::is_nothrow_move_constructible_v<OutputQueue>);
static_assert(std::is_nothrow_move_assignable_v<OutputQueue>);

TEST(OutputQueue, AnEmptyOneHoldsNoHeap) {
  const HeapWatch heap;
  {
    OutputQueue queue;
    queue.append(std::string_view{});
    queue.append(std::string{});
    queue.append(std::shared_ptr<const std::string>{});
    queue.consume(0);
    queue.consume(7);
    queue.clear();
    const OutputQueue moved(std::move(queue));
    EXPECT_TRUE(moved.empty());
    EXPECT_EQ(moved.size(), 0U);
    EXPECT_TRUE(moved.front().empty());
    std::array<iovec, 1> entry{};
    EXPECT_EQ(moved.gather(entry), 0U);
  }
  EXPECT_EQ(heap.allocations(), 0U);
}

TEST(OutputQueue, EmptyAppendsMakeNoEntries) {
  OutputQueue queue;
  queue.append(std::make_shared<const std::string>());
  EXPECT_EQ(entriesOf(queue).size(), 0U);
  queue.append("a"sv);
  queue.append(""sv);
  queue.append(std::string{});
  queue.append(std::make_shared<const std::string>());
  queue.append(std::shared_ptr<const std::string>{});
  EXPECT_EQ(entriesOf(queue).size(), 1U);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(OutputQueue, BytesLeaveInTheOrderTheyCame) {
  OutputQueue queue;
  queue.append("one,"sv);
  queue.append(large('2'));
  queue.append("three,"sv);
  queue.append(std::make_shared<const std::string>(large('4')));
  queue.append(std::string("five"));
  EXPECT_EQ(bytesOf(queue), "one," + large('2') + "three," + large('4') + "five");
  EXPECT_EQ(queue.size(), bytesOf(queue).size());
  EXPECT_FALSE(queue.empty());
}

// --- coalescing ---

TEST(OutputQueue, SmallPiecesCoalesceIntoOneEntry) {
  OutputQueue queue;
  std::string expected;
  for (int i = 0; i < 16; ++i) {
    queue.append("HTTP/1.1 200 OK\r\n"sv);
    queue.append(std::string("x: y\r\n\r\n"));
    expected += "HTTP/1.1 200 OK\r\nx: y\r\n\r\n";
  }
  ASSERT_EQ(entriesOf(queue).size(), 1U);
  EXPECT_EQ(bytesOf(queue), expected);
}

TEST(OutputQueue, ALongRunOfSmallPiecesMakesFewEntries) {
  OutputQueue queue;
  const HeapWatch heap;
  for (int i = 0; i < 1 << 20; ++i) queue.append(std::string_view("x"));
  // Blocks of 64 KiB and the few smaller ones before them.
  EXPECT_LE(heap.allocations(), 24U);
  EXPECT_EQ(queue.size(), std::size_t{1} << 20U);
  std::array<iovec, 64> entries{};
  EXPECT_LE(queue.gather(entries), 24U);
}

TEST(OutputQueue, AStringUpToTheLimitIsCopiedAndOneAboveItIsNot) {
  OutputQueue queue;
  std::string atTheLimit = large('b', OutputQueue::kCopyLimit);
  const char* bytes = atTheLimit.data();
  queue.append(std::move(atTheLimit));
  ASSERT_EQ(entriesOf(queue).size(), 1U);
  EXPECT_NE(queue.front().data(), bytes);
  EXPECT_EQ(bytesOf(queue), large('b', OutputQueue::kCopyLimit));

  std::string above = large('c');
  bytes = above.data();
  queue.append(std::move(above));
  const auto entries = entriesOf(queue);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].data(), bytes) << "moved, not copied";
  EXPECT_EQ(entries[1], large('c'));
}

TEST(OutputQueue, ALargeCopiedPieceIsWhole) {
  OutputQueue queue;
  const std::string piece(300000, 'p');
  queue.append("small,"sv);
  queue.append(std::string_view(piece));
  queue.append(",small"sv);
  EXPECT_EQ(bytesOf(queue), "small," + piece + ",small");
  EXPECT_LE(entriesOf(queue).size(), 3U);
}

TEST(OutputQueue, APieceBehindAMovedStringStartsAnEntryOfItsOwn) {
  OutputQueue queue;
  queue.append(large('a'));
  queue.append("bc"sv);
  queue.append("de"sv);
  const auto entries = entriesOf(queue);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0], large('a'));
  EXPECT_EQ(entries[1], "bcde");
}

TEST(OutputQueue, SmallPiecesStillCoalesceBetweenLargeStrings) {
  OutputQueue queue;
  for (int i = 0; i < 5; ++i) {
    queue.append("header "sv);
    queue.append("more header "sv);
    queue.append(large('b'));
  }
  EXPECT_EQ(entriesOf(queue).size(), 10U);
}

// --- strings that are moved or shared ---

TEST(OutputQueue, AMovedStringIsFreedOnceItIsConsumed) {
  const HeapWatch heap;
  OutputQueue queue;
  queue.append(large('a', 100000));
  queue.consume(99999);
  EXPECT_GT(heap.blocks(), 0);
  queue.consume(1);
  EXPECT_EQ(heap.blocks(), 0);
  EXPECT_TRUE(queue.empty());
}

TEST(OutputQueue, ASharedStringIsQueuedOnManyWithoutACopy) {
  const auto text = std::make_shared<const std::string>(large('s', 5000));
  std::array<OutputQueue, 3> queues;
  for (OutputQueue& queue : queues) {
    queue.append("to you: "sv);
    queue.append(text);
  }
  EXPECT_EQ(text.use_count(), 4);
  for (const OutputQueue& queue : queues) {
    const auto entries = entriesOf(queue);
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[1].data(), text->data());
  }
  queues[0].consume(queues[0].size());
  EXPECT_EQ(text.use_count(), 3);
  queues[1].clear();
  EXPECT_EQ(text.use_count(), 2);
  queues[2] = OutputQueue();
  EXPECT_EQ(text.use_count(), 1);
}

TEST(OutputQueue, TheQueueKeepsASharedStringAlive) {
  auto text = std::make_shared<const std::string>(large('s'));
  const std::weak_ptr<const std::string> watch = text;
  {
    OutputQueue queue;
    queue.append(std::move(text));
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(bytesOf(queue), large('s'));
  }
  EXPECT_TRUE(watch.expired());
}

TEST(OutputQueue, ATinySharedStringJoinsItsNeighbours) {
  const auto text = std::make_shared<const std::string>("tiny");
  OutputQueue queue;
  queue.append("a"sv);
  queue.append(text);
  queue.append("b"sv);
  EXPECT_EQ(entriesOf(queue).size(), 1U);
  EXPECT_EQ(bytesOf(queue), "atinyb");

  OutputQueue alone;
  alone.append(text);
  EXPECT_EQ(bytesOf(alone), "tiny");
}

TEST(OutputQueue, OneStringSharedTwiceInARowIsSentTwice) {
  const auto text = std::make_shared<const std::string>(large('s'));
  OutputQueue queue;
  queue.append(text);
  queue.append(text);
  EXPECT_EQ(bytesOf(queue), large('s') + large('s'));
  queue.consume(text->size() + 1);
  EXPECT_EQ(bytesOf(queue), large('s').substr(1));
}

// --- addresses ---

TEST(OutputQueue, QueuedBytesStayWhereTheyAreWhileMoreIsAppended) {
  OutputQueue queue;
  queue.append("first"sv);
  const char* const first = entriesOf(queue)[0].data();
  std::string moved = large('m');
  const char* const second = moved.data();
  queue.append(std::move(moved));
  for (int i = 0; i < 3000; ++i) queue.append("more and more and more"sv);
  const auto entries = entriesOf(queue);
  EXPECT_EQ(entries[0].data(), first);
  EXPECT_EQ(entries[1].data(), second);
  EXPECT_TRUE(entries[0].starts_with("first"));
}

TEST(OutputQueue, QueuedBytesStayWhereTheyAreWhenTheQueueMoves) {
  OutputQueue queue;
  queue.append("block"sv);
  queue.append(large('s'));
  const auto before = entriesOf(queue);
  OutputQueue constructed(std::move(queue));
  OutputQueue assigned;
  assigned.append("overwritten"sv);
  assigned = std::move(constructed);
  OutputQueue swapped;
  swapped.swap(assigned);
  const auto after = entriesOf(swapped);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i].data(), before[i].data());
  EXPECT_TRUE(queue.empty());        // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(constructed.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(assigned.empty());
  queue.append("usable"sv);
  EXPECT_EQ(bytesOf(queue), "usable");
}

TEST(OutputQueue, WhatIsInFlightIsNotTouchedByAppendsToEitherQueue) {
  OutputQueue waiting;
  waiting.append("in flight"sv);
  OutputQueue inFlight;
  EXPECT_EQ(waiting.moveFrontTo(inFlight, kAll), 9U);
  const std::string_view flying = entriesOf(inFlight)[0];
  waiting.append("later"sv);
  inFlight.append("behind"sv);
  EXPECT_EQ(flying, "in flight");
  EXPECT_EQ(entriesOf(inFlight)[0].data(), flying.data());
  EXPECT_EQ(bytesOf(inFlight), "in flightbehind");
  EXPECT_EQ(bytesOf(waiting), "later");
}

TEST(OutputQueue, AMoveAssignedQueueFreesWhatItHad) {
  const HeapWatch heap;
  {
    OutputQueue target;
    target.append(large('o'));
    OutputQueue source;
    source.append(large('n'));
    target = std::move(source);
    EXPECT_EQ(bytesOf(target), large('n'));
    OutputQueue& alias = target;
    target = std::move(alias);
    EXPECT_EQ(bytesOf(target), large('n')) << "moved to itself";
  }
  EXPECT_EQ(heap.blocks(), 0);
}

// --- consuming ---

TEST(OutputQueue, CanBeConsumedAtEverySplit) {
  const std::string expected = "ab" + large('c') + "de" + large('f');
  const auto fill = [](OutputQueue& queue) {
    queue.append("ab"sv);
    queue.append(large('c'));
    queue.append("de"sv);
    queue.append(std::make_shared<const std::string>(large('f')));
  };
  for (std::size_t split = 0; split <= expected.size(); ++split) {
    OutputQueue queue;
    fill(queue);
    const auto before = entriesOf(queue);
    queue.consume(split);
    ASSERT_EQ(queue.size(), expected.size() - split);
    ASSERT_EQ(bytesOf(queue), expected.substr(split)) << "after " << split;
    if (split < 2) {
      ASSERT_EQ(entriesOf(queue)[0].data(), before[0].data() + split) << "moved by consuming";
    }
    queue.append("!"sv);
    ASSERT_EQ(bytesOf(queue), expected.substr(split) + "!") << "after " << split;
  }
}

TEST(OutputQueue, ConsumingMoreThanThereIsEmptiesIt) {
  keepABlock();
  const HeapWatch heap;
  OutputQueue queue;
  queue.append("abc"sv);
  queue.append(large('d'));
  queue.consume(kAll);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(heap.blocks(), 0);
  queue.append("again"sv);
  EXPECT_EQ(bytesOf(queue), "again");
}

TEST(OutputQueue, ClearForgetsAllAndIsUsableAfterwards) {
  keepABlock();
  const HeapWatch heap;
  OutputQueue queue;
  queue.append("abc"sv);
  queue.append(large('d'));
  queue.append(std::make_shared<const std::string>(large('e')));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(entriesOf(queue).size(), 0U);
  EXPECT_EQ(heap.blocks(), 0);
  queue.append("again"sv);
  EXPECT_EQ(bytesOf(queue), "again");
}

TEST(OutputQueue, BlocksKeptForLaterAreFew) {
  keepABlock();
  const HeapWatch heap;
  {
    std::vector<OutputQueue> queues(5000);
    for (OutputQueue& queue : queues) queue.append("reply"sv);
  }
  EXPECT_LE(heap.blocks(), 1024);
}

TEST(OutputQueue, MayBeFilledOnOneThreadAndEndOnAnother) {
  OutputQueue queue;
  std::thread([&] {
    queue.append("from another thread"sv);
    queue.append(large('a'));
  }).join();
  EXPECT_EQ(bytesOf(queue), "from another thread" + large('a'));
  std::thread([moved = std::move(queue)]() mutable { moved.consume(25); }).join();
  keepABlock();
}

// Made before the thread's kept blocks, it ends after them.
TEST(OutputQueue, MayLastUntilTheEndOfItsThread) {
  std::thread([] {
    thread_local OutputQueue last;
    last.append("never sent"sv);
    keepABlock();
  }).join();
}

TEST(OutputQueue, AQueueInSteadyUseDoesNotGrow) {
  OutputQueue queue;
  queue.append("ahead"sv);
  const HeapWatch heap;
  for (int i = 0; i < 10000; ++i) {
    queue.append("0123456789"sv);
    queue.consume(10);
  }
  EXPECT_LE(heap.blocks(), 1);
  EXPECT_EQ(queue.size(), 5U);
}

// --- handing on ---

TEST(OutputQueue, WholeChunksMoveFromTheFrontToTheEndOfAnother) {
  OutputQueue from;
  from.append("a"sv);
  from.append(large('b'));
  from.append("c"sv);
  from.append(large('d'));
  const auto before = entriesOf(from);
  ASSERT_EQ(before.size(), 4U);
  OutputQueue to;
  to.append(large('z'));

  EXPECT_EQ(from.moveFrontTo(to, 0), 0U);
  EXPECT_EQ(from.moveFrontTo(to, 2), 1 + large('b').size());
  EXPECT_EQ(bytesOf(to), large('z') + "a" + large('b'));
  EXPECT_EQ(bytesOf(from), "c" + large('d'));
  EXPECT_EQ(from.moveFrontTo(to, kAll), 1 + large('d').size());
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(from.moveFrontTo(to, kAll), 0U);

  const auto after = entriesOf(to);
  ASSERT_EQ(after.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i + 1].data(), before[i].data());
  EXPECT_EQ(to.size(), bytesOf(to).size());
  from.append("usable"sv);
  EXPECT_EQ(bytesOf(from), "usable");
}

TEST(OutputQueue, APartlyConsumedChunkMovesWithWhatIsLeft) {
  OutputQueue from;
  from.append("abcdef"sv);
  from.consume(2);
  OutputQueue to;
  EXPECT_EQ(from.moveFrontTo(to, 1), 4U);
  EXPECT_EQ(bytesOf(to), "cdef");
  to.consume(4);
  EXPECT_TRUE(to.empty());
}

}  // namespace
}  // namespace tern
