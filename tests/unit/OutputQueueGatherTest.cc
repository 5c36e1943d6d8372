// OutputQueue: what it hands to a gathering write: chunks from the front, whole, and no more than
// may be taken.
#include <gtest/gtest.h>
#include <tern/base/OutputQueue.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "Gathered.h"

namespace tern {
namespace {

using namespace std::string_view_literals;
using testing::entriesOf;

std::string large(char c) {
  std::string text(OutputQueue::kCopyLimit + 1, c);
  return text;
}

TEST(OutputQueue, GatherFillsNoMoreThanItWasGiven) {
  OutputQueue queue;
  for (const char c : {'a', 'b', 'c'}) queue.append(large(c));
  EXPECT_EQ(queue.gather({}), 0U);
  std::array<iovec, 3> entries{};
  EXPECT_EQ(queue.gather(std::span(entries).first(2)), 2U);
  EXPECT_EQ(entries[2].iov_base, nullptr);
  EXPECT_EQ(queue.gather(entries), 3U);
  EXPECT_EQ(entries[2].iov_len, OutputQueue::kCopyLimit + 1);
  EXPECT_EQ(queue.size(), 3 * (OutputQueue::kCopyLimit + 1)) << "gathering takes nothing away";
}

TEST(OutputQueue, GatherTakesNoMoreBytesThanItMayUnlessTheFirstChunkHasMore) {
  constexpr std::size_t kEach = OutputQueue::kCopyLimit + 1;
  OutputQueue queue;
  for (const char c : {'a', 'b', 'c'}) queue.append(large(c));
  std::array<iovec, 3> entries{};
  EXPECT_EQ(queue.gather(entries, 0), 1U);
  EXPECT_EQ(queue.gather(entries, kEach - 1), 1U) << "the first alone is larger";
  EXPECT_EQ(entries[0].iov_len, kEach) << "and it is whole";
  EXPECT_EQ(queue.gather(entries, kEach), 1U);
  EXPECT_EQ(queue.gather(entries, 2 * kEach - 1), 1U) << "a byte is missing for the second";
  EXPECT_EQ(queue.gather(entries, 2 * kEach), 2U) << "an exact fit";
  EXPECT_EQ(queue.gather(entries, 2 * kEach + 1), 2U);
  EXPECT_EQ(queue.gather(entries, 3 * kEach), 3U);
  EXPECT_EQ(queue.gather(std::span(entries).first(2), 3 * kEach), 2U);

  queue.consume(1);
  EXPECT_EQ(queue.gather(entries, 3 * kEach - 1), 3U) << "what is consumed does not count";
}

TEST(OutputQueue, GatherStopsAtAChunkThatDoesNotFitEvenIfALaterOneWould) {
  OutputQueue queue;
  queue.append("a"sv);
  queue.append(large('b'));
  queue.append(std::make_shared<const std::string>("c"));
  std::array<iovec, 3> entries{};
  ASSERT_EQ(queue.gather(entries), 3U);
  EXPECT_EQ(queue.gather(entries, 2), 1U);
}

TEST(OutputQueue, FrontIsTheFirstEntry) {
  OutputQueue queue;
  EXPECT_TRUE(queue.front().empty());
  queue.append("abc"sv);
  queue.append(large('d'));
  EXPECT_EQ(queue.front().data(), entriesOf(queue)[0].data());
  EXPECT_EQ(queue.front().size(), 3U);
  queue.consume(1);
  EXPECT_EQ(std::string_view(queue.front().data(), queue.front().size()), "bc");
  queue.consume(2);
  EXPECT_EQ(queue.front().size(), large('d').size());
  queue.clear();
  EXPECT_TRUE(queue.front().empty());
}

TEST(OutputQueue, NoEntryIsEverEmpty) {
  OutputQueue queue;
  queue.append("abc"sv);
  queue.append(large('d'));
  queue.consume(3);
  ASSERT_EQ(entriesOf(queue).size(), 1U);
  queue.consume(OutputQueue::kCopyLimit + 1);
  EXPECT_EQ(entriesOf(queue).size(), 0U);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace tern
