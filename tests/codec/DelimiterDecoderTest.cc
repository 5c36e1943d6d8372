// DelimiterDecoderTest: every split, delimiters that overlap themselves, that no byte is searched
// twice, and random streams against a reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/codec/DelimiterDecoder.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "DecoderFeed.h"
#include "unit/Randomness.h"

namespace tern::testing {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

DelimiterDecoder lines(std::size_t most) {
  return {"\n", most, DelimiterDecoder::CarriageReturn::kIsDropped};
}

// What a stream means, found without a state: by looking at all of it.
std::vector<std::string> referenceOutcome(std::string_view stream, std::string_view delimiter,
                                          std::size_t most, bool dropsCarriageReturn) {
  std::vector<std::string> events;
  for (;;) {
    const std::size_t end = stream.find(delimiter);
    std::string_view payload = stream.substr(0, end);
    if (end == std::string_view::npos) {
      // The longest tail that the next bytes could make a delimiter of.
      std::size_t part = std::min(delimiter.size() - 1, stream.size());
      while (part > 0 && !stream.ends_with(delimiter.substr(0, part))) --part;
      payload.remove_suffix(part);
    }
    if (dropsCarriageReturn && payload.ends_with('\r')) payload.remove_suffix(1);
    if (payload.size() > most) {
      events.emplace_back("too long");
      return events;
    }
    if (end == std::string_view::npos) {
      events.push_back("unread " + std::string(stream));
      return events;
    }
    events.push_back("frame " + std::string(payload));
    stream.remove_prefix(end + delimiter.size());
  }
}

TEST(DelimiterDecoder, FindsLinesWithAndWithoutCarriageReturnAtEverySplit) {
  const std::string stream = "one\r\ntwo\n\n\r\n\r\r\na\rb\nrest\r";
  for (const Pieces& pieces : everySplit(stream)) {
    EXPECT_THAT(outcomeOf(lines(5), pieces),
                ElementsAre("frame one", "frame two", "frame ", "frame ", "frame \r", "frame a\rb",
                            "unread rest\r"))
        << describe(pieces);
  }
}

TEST(DelimiterDecoder, BoundsALineWithoutItsEndAtEverySplit) {
  for (const Pieces& pieces : everySplit("12345\r\n12345\n123456\r\nx\n")) {
    EXPECT_THAT(outcomeOf(lines(5), pieces), ElementsAre("frame 12345", "frame 12345", "too long"))
        << describe(pieces);
  }
  for (const Pieces& pieces : everySplit("12345\r\r\n")) {
    EXPECT_THAT(outcomeOf(lines(5), pieces), ElementsAre("too long")) << describe(pieces);
  }
}

TEST(DelimiterDecoder, NeedsNoDelimiterToSeeThatAFrameIsTooLong) {
  EXPECT_THAT(outcomeOf(lines(5), {"12345"}), ElementsAre("unread 12345"));
  EXPECT_THAT(outcomeOf(lines(5), {"12345\r"}), ElementsAre("unread 12345\r"));
  EXPECT_THAT(outcomeOf(lines(5), {"123456"}), ElementsAre("too long"));
  EXPECT_THAT(outcomeOf(lines(5), {"12345\r6"}), ElementsAre("too long"));
  EXPECT_THAT(outcomeOf(lines(0), {"\r"}), ElementsAre("unread \r"));
  EXPECT_THAT(outcomeOf(lines(0), {"\r\n\nx"}), ElementsAre("frame ", "frame ", "too long"));
  const DelimiterDecoder end("END", 2);
  EXPECT_THAT(outcomeOf(end, {"abEN"}), ElementsAre("unread abEN"));
  EXPECT_THAT(outcomeOf(end, {"abENd"}), ElementsAre("too long"));
  EXPECT_THAT(outcomeOf(end, {"abEND"}), ElementsAre("frame ab", "unread "));
}

TEST(DelimiterDecoder, FindsDelimitersThatOverlapThemselvesAtEverySplit) {
  struct Case {
    std::string delimiter;
    std::string stream;
  };
  const Case cases[] = {
      {"aa", "aaabaaaaab"},
      {"aab", "aaaabaabxaaab"},
      {"abab", "abaababab abacabab"},
      {"\r\n\r\n", "a\r\n\r\r\n\r\n\r\n\r\n"},
      {"\r\n", "a\r\r\n\n\r\n"},
      {"\0\0"s, "\0\1\0\0\0\0\0"s},
      {"x", "axxb"},
      {"abcabd", "abcabcabd abcabdabcab"},
  };
  for (const Case& c : cases) {
    for (const std::size_t most : {std::size_t{0}, std::size_t{2}, std::size_t{100}}) {
      const auto expected = referenceOutcome(c.stream, c.delimiter, most, false);
      for (const Pieces& pieces : everySplit(c.stream)) {
        EXPECT_EQ(outcomeOf(DelimiterDecoder(c.delimiter, most), pieces), expected)
            << c.delimiter << " in " << c.stream << ", " << describe(pieces);
      }
    }
  }
}

TEST(DelimiterDecoder, AgreesWithAReferenceOnRandomStreamsInRandomPieces) {
  Randomness random;
  for (int round = 0; round < 3000; ++round) {
    const auto letters = [&](std::size_t length) {
      std::string text(length, '\0');
      for (char& c : text) c = "ab\r\n"[random.upTo(3)];
      return text;
    };
    const bool isLine = random.oneIn(3);
    const std::string delimiter = isLine ? "\n" : letters(1 + random.upTo(4));
    const std::size_t most = random.upTo(40);
    const std::string stream = letters(random.upTo(300));
    Pieces pieces;
    const std::size_t largest = 1 + random.upTo(20);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t length = 1 + random.upTo(largest);
      pieces.push_back(std::string_view(stream).substr(at, length));
      at += length;
    }
    const auto expected = referenceOutcome(stream, delimiter, most, isLine);
    ASSERT_EQ(outcomeOf(isLine ? lines(most) : DelimiterDecoder(delimiter, most), pieces), expected)
        << "round " << round << ", " << describe(pieces);
  }
}

// The bytes that were searched are overwritten with delimiters: whoever searches them again finds
// one. So the sum of what is new in each call is all that the search ever looks at.
TEST(DelimiterDecoder, SearchesNoByteTwiceWhenBytesArriveOneAtATime) {
  for (const std::string& delimiter : {"\n"s, "\r\n\r\n"s, "aaab"s, std::string(1000, 'a') + "b"}) {
    constexpr std::size_t kLength = 20'000;
    const DelimiterDecoder decoder(delimiter, kLength);
    // The worst for a search that starts over: nearly a delimiter, all the time.
    std::string stream(kLength, delimiter[0]);
    if (delimiter.size() == 1) stream.assign(kLength, 'x');
    DelimiterDecoder::State state;
    std::size_t searched = 0;
    for (std::size_t there = 1; there <= kLength; ++there) {
      searched += there - state.scanned;
      const DecodedFrame frame = decoder.decode(std::string_view(stream).substr(0, there), state);
      ASSERT_EQ(frame.status, DecodedFrame::Status::kIncomplete);
      ASSERT_EQ(state.scanned, there);
      stream[there - 1] = delimiter.back();
    }
    EXPECT_EQ(searched, kLength);
  }
}

TEST(DelimiterDecoder, SearchesNoFurtherThanAFrameMayReach) {
  // A byte behind the bound is not looked at: here it would end the frame.
  EXPECT_THAT(outcomeOf(lines(5), {"1234567\n"}), ElementsAre("too long"));
  const std::string large(std::size_t{1} << 20U, 'x');
  DelimiterDecoder::State state;
  const DelimiterDecoder decoder(",", std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(decoder.decode(large, state).status, DecodedFrame::Status::kIncomplete);
  EXPECT_EQ(state.scanned, large.size());
}

TEST(DelimiterDecoder, StartsOverWhenSomeoneElseHasReadTheBytes) {
  const DelimiterDecoder decoder("\n", 100);
  DelimiterDecoder::State state;
  EXPECT_EQ(decoder.decode("abcdef", state).status, DecodedFrame::Status::kIncomplete);
  const DecodedFrame frame = decoder.decode("a\nb", state);
  EXPECT_EQ(frame.payload, "a");
  EXPECT_EQ(frame.consumed, 2U);
}

TEST(DelimiterDecoder, RefusesAnEmptyDelimiter) {
  EXPECT_THROW(DelimiterDecoder("", 10), std::invalid_argument);
}

TEST(DelimiterDecoder, KnowsWhichFramesWouldEndElsewhere) {
  const DelimiterDecoder twoA("aa", 100);
  EXPECT_TRUE(twoA.separates("", "aa"));
  EXPECT_TRUE(twoA.separates("ab", "aa"));
  EXPECT_FALSE(twoA.separates("ba", "aa"));
  EXPECT_FALSE(twoA.separates("baab", "aa"));
  const DelimiterDecoder line = lines(100);
  EXPECT_TRUE(line.separates("", "\n"));
  EXPECT_TRUE(line.separates("a\rb", "\n"));
  EXPECT_FALSE(line.separates("a\nb", "\n"));
  EXPECT_FALSE(line.separates("a\r", "\n"));
  EXPECT_TRUE(line.separates("a\r", "\r\n"));
}

TEST(DelimiterDecoder, AgreesWithItselfOnWhatItSeparates) {
  Randomness random;
  for (int round = 0; round < 3000; ++round) {
    const auto letters = [&](std::size_t length) {
      std::string text(length, '\0');
      for (char& c : text) c = "ab"[random.upTo(1)];
      return text;
    };
    const std::string delimiter = letters(1 + random.upTo(4));
    const std::string frame = letters(random.upTo(6));
    const DelimiterDecoder decoder(delimiter, 100);
    const std::vector<std::string> asOne{"frame " + frame, "unread "};
    ASSERT_EQ(decoder.separates(frame, delimiter), outcomeOf(decoder, {frame + delimiter}) == asOne)
        << frame << " and " << delimiter;
  }
}

}  // namespace
}  // namespace tern::testing
