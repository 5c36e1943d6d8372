// Buffer, OutputQueue and SlotTable when the heap refuses: std::bad_alloc, and nothing is lost.
#include "Heap.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>
#include <tern/base/Buffer.h>
#include <tern/base/OutputQueue.h>
#include <tern/base/SlotTable.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Gathered.h"

namespace tern {
namespace {

using namespace std::string_view_literals;
using testing::bytesOf;
using testing::failsForMemory;

Buffer bufferOf(std::string_view bytes) {
  Buffer buffer;
  buffer.append(bytes);
  return buffer;
}

TEST(Buffer, AFailedGrowthChangesNothing) {
  Buffer buffer = bufferOf("abc");
  buffer.append(std::string(buffer.writableBytes(), 'x'));
  const std::string before(buffer.view());
  // Larger than any block that is kept for the next.
  const std::string more(3'000'000, 'm');
  const std::vector<std::pair<const char*, std::function<void()>>> calls = {
      {"append", [&] { buffer.append(more); }},
      {"prepend", [&] { buffer.prepend(more); }},
      {"self-append", [&] { buffer.append(buffer.view()); }},
      {"self-prepend", [&] { buffer.prepend(buffer.view()); }},
      {"ensureWritableBytes", [&] { buffer.ensureWritableBytes(more.size()); }},
      {"appendInt64", [&] { buffer.appendInt64(1); }},
      {"shrink", [&] { buffer.shrink(0); }},
      {"lend behind", [&] { buffer.lend(more); }},
      {"copy", [&] { Buffer(buffer).append("x"); }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    const char* const bytes = buffer.peek();
    EXPECT_TRUE(failsForMemory(call));
    EXPECT_EQ(buffer.peek(), bytes);
    EXPECT_EQ(buffer.view(), before);
    EXPECT_EQ(buffer.writableBytes(), 0U);
    EXPECT_FALSE(buffer.borrowing());
  }
  EXPECT_TRUE(failsForMemory([&] { buffer.append(buffer.view()); }, 1)) << "the second block";
  EXPECT_EQ(buffer.view(), before);
}

TEST(Buffer, AFailedAssignmentLeavesTheTargetAlone) {
  const Buffer source = bufferOf("new");
  Buffer target = bufferOf("old");
  EXPECT_TRUE(failsForMemory([&] { target = source; }));
  EXPECT_EQ(target.view(), "old");
  EXPECT_EQ(source.view(), "new");
}

TEST(Buffer, AFailedSettleKeepsTheLoanForAnotherTry) {
  const std::string source = "borrowed";
  Buffer buffer;
  buffer.lend(source);
  buffer.retrieve(1);
  EXPECT_TRUE(failsForMemory([&] { buffer.settle(); }));
  EXPECT_TRUE(buffer.borrowing());
  EXPECT_EQ(buffer.view(), "orrowed");
  buffer.settle();
  EXPECT_FALSE(buffer.borrowing());
  EXPECT_EQ(buffer.view(), "orrowed");
}

TEST(Buffer, AFailedSwapOfTwoLoansLosesNothing) {
  const std::string one = "one";
  const std::string two = "two";
  for (const std::size_t spared : {0U, 1U}) {
    Buffer a;
    Buffer b;
    a.lend(one);
    b.lend(two);
    EXPECT_TRUE(failsForMemory([&] { a.swap(b); }, spared));
    EXPECT_EQ(a.view(), "one");
    EXPECT_EQ(b.view(), "two");
  }
}

std::string large(char c) {
  std::string text(OutputQueue::kCopyLimit + 1, c);
  return text;
}

TEST(OutputQueue, AFailedAppendKeepsWhatWasQueued) {
  OutputQueue queue;
  queue.append(large('a'));
  EXPECT_TRUE(failsForMemory([&] { queue.append("bc"sv); }));
  EXPECT_EQ(bytesOf(queue), large('a'));
  const auto shared = std::make_shared<const std::string>(large('s'));
  EXPECT_TRUE(failsForMemory([&] { queue.append(shared); }));
  EXPECT_EQ(bytesOf(queue), large('a'));
  EXPECT_EQ(shared.use_count(), 1);

  OutputQueue block;
  block.append("start"sv);
  const std::string more(5000, 'm');
  EXPECT_TRUE(failsForMemory([&] { block.append(std::string_view(more)); }));
  EXPECT_EQ(bytesOf(block), "start") << "nothing, although some would fit into the block there is";
  EXPECT_EQ(block.size(), 5U);
  block.append(std::string_view(more));
  EXPECT_EQ(bytesOf(block), "start" + more);
}

TEST(OutputQueue, AFailedAppendLeavesTheStringWithTheCaller) {
  OutputQueue queue;
  std::string message = large('m');
  EXPECT_TRUE(failsForMemory([&] { queue.append(std::move(message)); }));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(message, large('m'));  // NOLINT(bugprone-use-after-move): not moved when it threw
}

TEST(SlotTable, AFailedInsertChangesNothing) {
  SlotTable<int> table;
  std::vector<SlotId> ids(1000);
  // The table asks for memory now and then only: each insert is tried without any first.
  int failures = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const int value = static_cast<int>(i);
    if (failsForMemory([&] { ids[i] = table.insert(value); })) {
      ++failures;
      ASSERT_EQ(table.size(), i);
      ids[i] = table.insert(value);
    }
    ASSERT_EQ(table.size(), i + 1);
  }
  EXPECT_GT(failures, 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_NE(table.find(ids[i]), nullptr);
    EXPECT_EQ(*table.find(ids[i]), static_cast<int>(i));
  }
}

}  // namespace
}  // namespace tern

#endif
