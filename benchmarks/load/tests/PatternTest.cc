// Pattern: that what leaves is well formed, and that any two batches near each other differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "Pattern.h"

namespace tern::load {
namespace {

std::string_view viewOf(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

std::size_t lengthAt(std::span<const char> header) {
  std::size_t length = 0;
  for (const char byte : header.first(4)) length = length << 8 | static_cast<unsigned char>(byte);
  return length;
}

// Sizes on both sides of where messages start to overlap (4096 bytes with the header).
constexpr std::size_t kSizes[] = {0, 1, 3, 4, 64, 1000, 4091, 4092, 4093, 16384, 100'001};

TEST(Pattern, AFramedBatchIsAsManyFramesWithTheirLengthsInFront) {
  for (const std::size_t size : kSizes) {
    const Pattern pattern(Framing::framed, size, 5);
    EXPECT_EQ(pattern.messageBytes(), size + 4);
    for (std::uint32_t slot = 0; slot < pattern.slots(); ++slot) {
      const auto batch = pattern.batch(slot);
      ASSERT_EQ(batch.size(), 5 * (size + 4));
      for (std::size_t frame = 0; frame < 5; ++frame) {
        ASSERT_EQ(lengthAt(batch.subspan(frame * (size + 4))), size) << "size " << size;
      }
    }
  }
}

TEST(Pattern, ARawBatchIsNothingButItsBytes) {
  const Pattern pattern(Framing::raw, 100, 3);
  EXPECT_EQ(pattern.messageBytes(), 100U);
  EXPECT_EQ(pattern.batchBytes(), 300U);
  EXPECT_EQ(pattern.batch(0).size(), 300U);
}

TEST(Pattern, BatchesOfDifferentSlotsDiffer) {
  for (const Framing framing : {Framing::raw, Framing::framed}) {
    for (const std::size_t size : {8U, 64U, 4092U, 4096U, 100'000U}) {
      const Pattern pattern(framing, size, 2);
      std::set<std::string_view> distinct;
      for (std::uint32_t slot = 0; slot < pattern.slots(); ++slot) {
        distinct.insert(viewOf(pattern.batch(slot)));
      }
      EXPECT_EQ(distinct.size(), pattern.slots()) << "size " << size;
    }
  }
}

TEST(Pattern, MessagesOfOneBatchDiffer) {
  for (const std::size_t size : {64U, 5000U}) {
    const Pattern pattern(Framing::framed, size, 8);
    std::set<std::string_view> distinct;
    for (std::size_t i = 0; i < 8; ++i) {
      distinct.insert(viewOf(pattern.batch(3).subspan(i * pattern.messageBytes(), size + 4)));
    }
    EXPECT_EQ(distinct.size(), 8U);
  }
}

TEST(Pattern, AByteOfAMessageIsAsLikelyToBeAnyValue) {
  const Pattern pattern(Framing::raw, 65536, 1);
  std::set<char> values(pattern.batch(0).begin(), pattern.batch(0).end());
  EXPECT_EQ(values.size(), 256U);
}

TEST(Pattern, SlotsWrapAround) {
  const Pattern pattern(Framing::raw, 64, 1);
  EXPECT_EQ(pattern.batch(7).data(), pattern.batch(7 + pattern.slots()).data());
}

}  // namespace
}  // namespace tern::load
