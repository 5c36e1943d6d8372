// RespParser: every way of cutting a stream gives the same commands, and bad ones Redis's errors.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "RespParser.h"

namespace tern::kv {
namespace {

using Status = RespParser::Status;
using Words = std::vector<std::string>;

std::string command(const Words& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

// A parser with its input buffer, which lies somewhere else after each feed.
class Feeder {
 public:
  explicit Feeder(const RespParser::Limits& limits) : parser_(limits) {}

  void feed(std::string_view bytes) {
    if (!error_.empty()) return;
    input_ = std::string(input_).append(bytes);
    std::vector<std::string_view> arguments;
    Status status;
    while ((status = parser_.parse(input_)) == Status::kCommand) {
      parser_.arguments(input_, arguments);
      commands_.emplace_back(arguments.begin(), arguments.end());
      input_.erase(0, parser_.length());
    }
    if (status == Status::kError) error_ = parser_.error();
  }

  [[nodiscard]] const std::vector<Words>& commands() const { return commands_; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  RespParser parser_;
  std::string input_;
  std::vector<Words> commands_;
  std::string error_;
};

class RespParserTest : public ::testing::Test {
 protected:
  // Whole, in all two and three pieces, and byte by byte.
  void expectHoweverCut(const std::string& stream, const std::vector<Words>& commands,
                        const std::string& error = {}) {
    for (std::size_t first = 0; first <= stream.size(); ++first) {
      for (std::size_t second = first; second <= stream.size(); ++second) {
        Feeder feeder(limits_);
        feeder.feed(std::string_view(stream).substr(0, first));
        feeder.feed(std::string_view(stream).substr(first, second - first));
        feeder.feed(std::string_view(stream).substr(second));
        ASSERT_EQ(feeder.commands(), commands) << "cut at " << first << " and " << second;
        ASSERT_EQ(feeder.error(), error) << "cut at " << first << " and " << second;
      }
    }
    Feeder feeder(limits_);
    for (const char c : stream) feeder.feed({&c, 1});
    EXPECT_EQ(feeder.commands(), commands);
    EXPECT_EQ(feeder.error(), error);
  }

  // For long streams.
  Feeder fed(const std::string& stream, std::size_t pieceLength) {
    Feeder feeder(limits_);
    for (std::size_t at = 0; at < stream.size(); at += pieceLength) {
      feeder.feed(std::string_view(stream).substr(at, pieceLength));
    }
    return feeder;
  }

  RespParser::Limits limits_;
};

TEST_F(RespParserTest, ArraysOfBulkStringsHoweverCut) {
  const std::vector<Words> commands{
      {"PING"}, {"SET", "key", "a\r\n$3\r\n*1"}, {"ECHO", ""}, {"", "\0x", "*2\r\n"}};
  std::string stream;
  for (const Words& words : commands) stream += command(words);
  expectHoweverCut(stream, commands);
}

TEST_F(RespParserTest, InlineCommandsHoweverCut) {
  expectHoweverCut("PING\r\n  set  a\tb \n\r\n" + command({"GET", "a"}) + "\nQUIT\n",
                   {{"PING"}, {"set", "a", "b"}, {}, {"GET", "a"}, {}, {"QUIT"}});
}

TEST_F(RespParserTest, QuotedInlineArgumentsHoweverCut) {
  expectHoweverCut(
      "a \"b c\" 'd e'\r\n"
      "\"\\x41\\x4g\\n\\r\\t\\b\\a\\\"\\\\\" 'it\\'s \\n'\r\n"
      "\"\" x\"y z\"\n",
      {{"a", "b c", "d e"}, {"Ax4g\n\r\t\b\a\"\\", "it's \\n"}, {"", "xy z"}});
}

TEST_F(RespParserTest, EmptyAndNegativeArraysAreEmptyCommands) {
  expectHoweverCut("*0\r\n*-1\r\n*-5\r\n" + command({"PING"}), {{}, {}, {}, {"PING"}});
}

TEST_F(RespParserTest, WhatEndsABulkStringIsNotLookedAt) {
  expectHoweverCut("*2\r\n$1\r\naxx$1\r\nb\n\n", {{"a", "b"}});
}

TEST_F(RespParserTest, ErrorsAreRedissHoweverCut) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"*x\r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"*+1\r\n", "invalid multibulk length"},
      {"* 1\r\n", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*99999999999999999999\r\n", "invalid multibulk length"},
      {"*1\r\nx\r\n", "expected '$', got 'x'"},
      {"*1\r\n:1\r\n", "expected '$', got ':'"},
      {"*1\r\n$\r\n", "invalid bulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$x\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"*1\r\n$18446744073709551617\r\n", "invalid bulk length"},
      {"*2\r\n$1\r\na\r\n$1x\r\n", "invalid bulk length"},
      {"get \"a\r\n", "unbalanced quotes in request"},
      {"get 'a\r\n", "unbalanced quotes in request"},
      {"get \"a\"b\r\n", "unbalanced quotes in request"},
      {"get 'a'b\r\n", "unbalanced quotes in request"},
      {"get \"a\\\r\n", "unbalanced quotes in request"},
  };
  for (const auto& [stream, error] : bad) {
    SCOPED_TRACE(stream);
    expectHoweverCut(command({"PING"}) + stream + "PING\r\n", {{"PING"}},
                     "Protocol error: " + error);
  }
}

TEST_F(RespParserTest, LimitsAreTheLastThatIsAllowed) {
  limits_ = {.bulkLength = 3, .bulkCount = 2, .lineLength = 8, .commandLength = 22};
  expectHoweverCut(command({"GET", "abc"}), {{"GET", "abc"}});
  expectHoweverCut(command({"GET", "abcd"}), {}, "Protocol error: invalid bulk length");
  expectHoweverCut(command({"a", "b", "c"}), {}, "Protocol error: invalid multibulk length");
  expectHoweverCut("12345678\n", {{"12345678"}});
  expectHoweverCut("123456789\n", {}, "Protocol error: too big inline request");
  expectHoweverCut("*00000001\r\n", {}, "Protocol error: too big mbulk count string");
  expectHoweverCut("*1\r\n$00000001\r\n", {}, "Protocol error: too big bulk count string");
  limits_.commandLength = 21;
  expectHoweverCut(command({"GET", "abc"}), {}, "Protocol error: too big command");
}

TEST_F(RespParserTest, LinesThatDoNotEndAreNotWaitedFor) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{100'000}}) {
    EXPECT_EQ(fed(std::string(65'536, 'a'), piece).error(), "");
    EXPECT_EQ(fed(std::string(65'537, 'a'), piece).error(),
              "Protocol error: too big inline request");
    EXPECT_EQ(fed("*" + std::string(65'537, '1'), piece).error(),
              "Protocol error: too big mbulk count string");
    EXPECT_EQ(fed("*1\r\n$" + std::string(65'537, '1'), piece).error(),
              "Protocol error: too big bulk count string");
  }
}

// Looking at everything again at each byte would take hours.
TEST_F(RespParserTest, AMillionArgumentsByteByByteTakeTimeInProportion) {
  constexpr std::size_t kCount = 1'048'576;
  std::string stream = "*" + std::to_string(kCount) + "\r\n";
  for (std::size_t i = 0; i < kCount; ++i) stream += "$1\r\nx\r\n";
  RespParser parser(limits_);
  for (std::size_t length = 1; length < stream.size(); ++length) {
    ASSERT_EQ(parser.parse({stream.data(), length}), Status::kIncomplete);
  }
  ASSERT_EQ(parser.parse(stream), Status::kCommand);
  EXPECT_EQ(parser.length(), stream.size());
  std::vector<std::string_view> arguments;
  parser.arguments(stream, arguments);
  EXPECT_EQ(arguments, std::vector<std::string_view>(kCount, "x"));
}

TEST_F(RespParserTest, ArgumentsLieInTheInput) {
  const std::string stream = command({"SET", "key", "value"});
  RespParser parser(limits_);
  ASSERT_EQ(parser.parse(stream), Status::kCommand);
  std::vector<std::string_view> arguments;
  parser.arguments(stream, arguments);
  for (const std::string_view argument : arguments) {
    EXPECT_GE(argument.data(), stream.data());
    EXPECT_LE(argument.data() + argument.size(), stream.data() + stream.size());
  }
}

}  // namespace
}  // namespace tern::kv
