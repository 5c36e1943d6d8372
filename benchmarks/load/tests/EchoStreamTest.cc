// EchoStream: what it accepts, what it refuses, and what it counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "EchoStream.h"

namespace tern::load {
namespace {

std::string sendBatch(EchoStream& stream) {
  const auto bytes = stream.unsent();
  std::string batch(bytes.data(), bytes.size());
  stream.markSent(bytes.size());
  return batch;
}

std::string sendTwoBatches(EchoStream& stream) {
  std::string both = sendBatch(stream);
  return both += sendBatch(stream);
}

std::uint64_t receive(EchoStream& stream, std::string_view bytes) {
  std::uint64_t messages = 0;
  stream.receive(bytes, [&](const Completed& completed) { messages += completed.messages; });
  return messages;
}

std::string refusalOf(EchoStream& stream, std::string_view bytes) {
  try {
    receive(stream, bytes);
  } catch (const EchoError& error) {
    return error.what();
  }
  return "";
}

TEST(EchoStream, AcceptsTheEchoInWhateverPieces) {
  for (const Framing framing : {Framing::raw, Framing::framed}) {
    const Pattern pattern(framing, 50, 4);
    std::mt19937 random(3);
    EchoStream stream(pattern, 9);
    std::uint64_t messages = 0;
    for (int round = 0; round < 200; ++round) {
      const std::string echo = sendTwoBatches(stream);
      for (std::size_t at = 0; at < echo.size();) {
        const std::size_t piece = std::min<std::size_t>(random() % 130 + 1, echo.size() - at);
        messages += receive(stream, std::string_view(echo).substr(at, piece));
        at += piece;
      }
    }
    EXPECT_EQ(messages, 1600U);
    EXPECT_EQ(stream.batchesAnswered(), 400U);
    EXPECT_EQ(stream.tally().messages, 1600U);
    EXPECT_EQ(stream.tally().bytes, 1600 * pattern.messageBytes());
  }
}

TEST(EchoStream, SaysWhichBatchAPieceCompletes) {
  const Pattern pattern(Framing::raw, 10, 2);
  EchoStream stream(pattern, 0);
  const std::string echo = sendTwoBatches(stream);
  std::vector<Completed> seen;
  const auto note = [&](const Completed& completed) { seen.push_back(completed); };
  stream.receive(std::string_view(echo).substr(0, 9), note);
  EXPECT_TRUE(seen.empty());
  stream.receive(std::string_view(echo).substr(9, 2), note);
  stream.receive(std::string_view(echo).substr(11, 24), note);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].batch, 0U);
  EXPECT_EQ(seen[0].messages, 1U);
  EXPECT_FALSE(seen[0].batchEnded);
  EXPECT_EQ(seen[1].batch, 0U);
  EXPECT_EQ(seen[1].messages, 1U);
  EXPECT_TRUE(seen[1].batchEnded);
  EXPECT_EQ(seen[2].batch, 1U);
  EXPECT_EQ(seen[2].messages, 1U);
  EXPECT_FALSE(seen[2].batchEnded);
  EXPECT_EQ(stream.messagesAnsweredInBatch(), 1U);
  EXPECT_EQ(stream.tally().bytes, 35U);
}

TEST(EchoStream, RefusesAnyWrongByteAndNamesItsPlace) {
  const Pattern pattern(Framing::framed, 20, 3);
  for (std::size_t wrong = 0; wrong < 72; ++wrong) {
    EchoStream stream(pattern, 5);
    receive(stream, sendBatch(stream));
    std::string echo = sendBatch(stream);
    echo[wrong] = static_cast<char>(echo[wrong] ^ 0x10);
    const std::string place = "byte " + std::to_string(wrong % 24) + " of message " +
                              std::to_string(3 + wrong / 24) + " is 0x";
    EXPECT_EQ(refusalOf(stream, echo).substr(0, place.size()), place);
  }
}

TEST(EchoStream, RefusesMoreThanWasSent) {
  const Pattern pattern(Framing::raw, 20, 1);
  EchoStream stream(pattern, 0);
  EXPECT_EQ(refusalOf(stream, "x"), "the server sent 1 byte more than it had received");
  const std::string echo = sendBatch(stream);
  EXPECT_EQ(refusalOf(stream, echo + "ab"), "the server sent 2 bytes more than it had received");
}

TEST(EchoStream, RefusesAnAnswerToBytesThatHaveNotLeftYet) {
  const Pattern pattern(Framing::raw, 20, 1);
  EchoStream stream(pattern, 0);
  const std::string batch(stream.unsent().data(), stream.unsent().size());
  stream.markSent(5);
  EXPECT_EQ(receive(stream, batch.substr(0, 5)), 0U);
  EXPECT_NE(refusalOf(stream, batch.substr(5, 1)), "");
}

TEST(EchoStream, RefusesAnAnswerInTheWrongOrder) {
  const Pattern pattern(Framing::raw, 64, 1);
  EchoStream stream(pattern, 0);
  const std::string first = sendBatch(stream);
  const std::string second = sendBatch(stream);
  EXPECT_NE(refusalOf(stream, second + first), "");
}

TEST(EchoStream, RefusesTheAnswerOfAnotherConnection) {
  const Pattern pattern(Framing::raw, 64, 1);
  EchoStream one(pattern, 1);
  EchoStream other(pattern, 2);
  sendBatch(one);
  EXPECT_NE(refusalOf(one, sendBatch(other)), "");
}

TEST(EchoStream, OfABroadcastExpectsWhatIsSaidAfterItJoined) {
  const Pattern pattern(Framing::raw, 50, 1);
  EchoStream speaker(pattern, 3);
  receive(speaker, sendBatch(speaker));
  EchoStream listener(pattern, 4);
  listener.join(speaker);
  EXPECT_FALSE(listener.anythingSent());
  const std::string said = sendTwoBatches(speaker);
  listener.follow(speaker);
  EXPECT_EQ(receive(listener, said.substr(0, 70)), 1U);
  EXPECT_EQ(receive(listener, said.substr(70)), 1U);
  EXPECT_EQ(listener.tally().messages, 2U);
  EXPECT_EQ(listener.tally().bytes, 100U);
  EXPECT_EQ(refusalOf(listener, "x"), "the server sent 1 byte more than it had received");
  const std::string wrong = sendBatch(speaker).replace(7, 1, "?");
  listener.follow(speaker);
  EXPECT_EQ(refusalOf(listener, wrong).substr(0, 22), "byte 7 of message 3 is");
}

TEST(EchoStream, IsEmptyBeforeItIsGivenAPattern) {
  EXPECT_EQ(EchoStream().tally().messages, 0U);
  EXPECT_FALSE(EchoStream().anythingSent());
}

}  // namespace
}  // namespace tern::load
