// LengthPrefixDecoderTest: every length at every split, and a random stream against a reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/codec/LengthPrefixDecoder.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "DecoderFeed.h"
#include "unit/Randomness.h"

namespace tern::testing {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

constexpr std::endian kBoth[] = {std::endian::big, std::endian::little};
constexpr PrefixSize kSizes[] = {PrefixSize::k1, PrefixSize::k2, PrefixSize::k4, PrefixSize::k8};

// Independent of the decoder's own arithmetic.
std::string prefixOf(std::uint64_t length, PrefixSize size, std::endian order) {
  std::string prefix;
  for (unsigned i = 0; i < static_cast<unsigned>(size); ++i) {
    const char byte = static_cast<char>(length >> (8U * i) & 0xFFU);
    prefix.insert(order == std::endian::big ? 0 : prefix.size(), 1, byte);
  }
  return prefix;
}

TEST(LengthPrefixDecoder, MeansTheSameForEverySplitWhateverPrefixAndOrder) {
  for (const PrefixSize size : kSizes) {
    for (const std::endian order : kBoth) {
      const LengthPrefixDecoder decoder(size, order, 5);
      const std::string stream = prefixOf(2, size, order) + "ab" + prefixOf(0, size, order) +
                                 prefixOf(5, size, order) + "12345" + prefixOf(3, size, order) +
                                 "x";
      for (const Pieces& pieces : everySplit(stream)) {
        EXPECT_THAT(outcomeOf(decoder, pieces),
                    ElementsAre("frame ab", "frame ", "frame 12345",
                                "unread " + prefixOf(3, size, order) + "x"))
            << describe(pieces);
      }
    }
  }
}

TEST(LengthPrefixDecoder, RefusesEveryLengthAboveTheBoundAtEverySplit) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  constexpr std::uint64_t kLengths[] = {6,           0x7F,       0x80,       0xFF,       0x7FFF,
                                        0x8000,      0xFFFF,     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                                        0x100000000, 1ULL << 62, 1ULL << 63, kMost - 9,  kMost - 8,
                                        kMost - 7,   kMost - 1,  kMost};
  for (const PrefixSize size : kSizes) {
    const unsigned bits = 8 * static_cast<unsigned>(size);
    for (const std::uint64_t length : kLengths) {
      if (bits < 64 && length >> bits != 0) continue;
      for (const std::endian order : kBoth) {
        const LengthPrefixDecoder decoder(size, order, 5);
        const std::string stream =
            prefixOf(1, size, order) + "a" + prefixOf(length, size, order) + "more";
        for (const Pieces& pieces : everySplit(stream)) {
          EXPECT_THAT(outcomeOf(decoder, pieces), ElementsAre("frame a", "too long"))
              << length << " in " << bits << " bits, " << describe(pieces);
        }
      }
    }
  }
}

TEST(LengthPrefixDecoder, RefusesALengthWithThePrefixAloneAndNotBefore) {
  const LengthPrefixDecoder decoder(PrefixSize::k4, std::endian::big, 5);
  EXPECT_THAT(outcomeOf(decoder, {"\0\0\0"s}), ElementsAre("unread \0\0\0"s));
  EXPECT_THAT(outcomeOf(decoder, {"\xFF\xFF\xFF"}), ElementsAre("unread \xFF\xFF\xFF"));
  EXPECT_THAT(outcomeOf(decoder, {"\0\0\0\6"s}), ElementsAre("too long"));
}

TEST(LengthPrefixDecoder, WithoutABoundWaitsForLengthsThatNoMemoryHolds) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const LengthPrefixDecoder decoder(PrefixSize::k8, std::endian::big, kMost);
  for (const std::uint64_t length : {kMost, kMost - 7, kMost - 8, kMost - 16, kMost / 2 + 1}) {
    const std::string stream = prefixOf(length, PrefixSize::k8, std::endian::big) + "abcdefghijkl";
    EXPECT_THAT(outcomeOf(decoder, {stream}), ElementsAre("unread " + stream)) << length;
  }
}

TEST(LengthPrefixDecoder, IsBoundByWhatThePrefixCanExpress) {
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(LengthPrefixDecoder(PrefixSize::k1, std::endian::big, kAny).maxLength(), 0xFFU);
  EXPECT_EQ(LengthPrefixDecoder(PrefixSize::k2, std::endian::big, kAny).maxLength(), 0xFFFFU);
  EXPECT_EQ(LengthPrefixDecoder(PrefixSize::k4, std::endian::big, kAny).maxLength(), 0xFFFFFFFFU);
  EXPECT_EQ(LengthPrefixDecoder(PrefixSize::k8, std::endian::big, kAny).maxLength(), kAny);
  EXPECT_EQ(LengthPrefixDecoder(PrefixSize::k2, std::endian::big, 7).maxLength(), 7U);
}

TEST(LengthPrefixDecoder, WithABoundOfZeroTakesEmptyFramesOnly) {
  const LengthPrefixDecoder decoder(PrefixSize::k1, std::endian::big, 0);
  EXPECT_THAT(outcomeOf(decoder, {"\0\0\1x"s}), ElementsAre("frame ", "frame ", "too long"));
}

TEST(LengthPrefixDecoder, WritesThePrefixesThatItReads) {
  for (const PrefixSize size : kSizes) {
    for (const std::endian order : kBoth) {
      const LengthPrefixDecoder decoder(size, order, std::size_t{1} << 40U);
      for (const std::size_t length :
           {0UL, 1UL, 127UL, 128UL, 255UL, 258UL, 65535UL, 0x01020304UL}) {
        if (length > decoder.maxLength()) continue;
        std::string prefix(decoder.prefixBytes(), '?');
        decoder.writePrefix(length, prefix.data());
        EXPECT_EQ(prefix, prefixOf(length, size, order)) << length;
      }
    }
  }
}

TEST(LengthPrefixDecoder, AgreesWithAReferenceOnRandomStreamsInRandomPieces) {
  Randomness random;
  for (int round = 0; round < 500; ++round) {
    const PrefixSize size = kSizes[random.upTo(3)];
    const std::endian order = kBoth[random.upTo(1)];
    const std::size_t most = random.upTo(200);
    std::string stream;
    std::vector<std::string> expected;
    bool failed = false;
    for (std::size_t left = random.upTo(30); left > 0 && !failed; --left) {
      failed = random.oneIn(20);
      const std::string payload = random.bytes(failed ? most + 1 : random.upTo(most));
      stream += prefixOf(payload.size(), size, order) + payload;
      expected.push_back(failed ? "too long" : "frame " + payload);
    }
    if (!failed) {
      const std::string rest = prefixOf(most, size, order).substr(0, random.upTo(1));
      stream += rest;
      // A prefix of one byte may already be a whole frame, of length 0.
      if (size == PrefixSize::k1 && most == 0 && !rest.empty()) {
        expected.insert(expected.end(), {"frame ", "unread "});
      } else {
        expected.push_back("unread " + rest);
      }
    }
    Pieces pieces;
    const std::size_t largest = 1 + random.upTo(50);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t length = 1 + random.upTo(largest);
      pieces.push_back(std::string_view(stream).substr(at, length));
      at += length;
    }
    ASSERT_EQ(outcomeOf(LengthPrefixDecoder(size, order, most), pieces), expected)
        << "round " << round << ", " << describe(pieces);
  }
}

}  // namespace
}  // namespace tern::testing
