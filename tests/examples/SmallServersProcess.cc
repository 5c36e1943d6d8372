// SmallServersProcess: discard, chargen, daytime and time as programs.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "support/Memory.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

class SmallServersProcess : public ServerProgramFixture {};

TEST_P(SmallServersProcess, DiscardCountsWhatItThrowsAway) {
  start("discard_server");
  {
    Peer first(address());
    Peer second(address());
    const std::string much = patternOf(5 * kMiB);
    first.sendAll(much);
    second.sendAll("123");
    first.shutdownWrite();
    second.shutdownWrite();
    // By then it has read all of it, and has nothing to say.
    EXPECT_EQ(first.receiveUntilEof(), "");
    EXPECT_EQ(second.receiveUntilEof(), "");
  }
  const std::string errors = end();
  EXPECT_NE(errors.find("discarded " + std::to_string(5 * kMiB + 3) + " bytes in "),
            std::string::npos)
      << errors;
}

TEST_P(SmallServersProcess, DiscardSaysNothingWithoutBytes) {
  start("discard_server");
  {
    Peer peer(address());
  }
  EXPECT_EQ(end(), "");
}

// The lines of RFC 864 from the first on.
std::string pattern(std::size_t length) {
  std::string result;
  for (std::size_t line = 0; result.size() < length; ++line) {
    for (std::size_t column = 0; column < 72; ++column) {
      result.push_back(static_cast<char>(' ' + (line + column) % 95));
    }
    result += "\r\n";
  }
  result.resize(length);
  return result;
}

TEST_P(SmallServersProcess, ChargenSendsTheRotatingPatternForAsLongAsItIsRead) {
  start("chargen_server");
  Peer peer(address());
  peer.sendAll("ignored");
  expectSameBytes(peer.receiveExactly(4 * kMiB), pattern(4 * kMiB));
}

TEST_P(SmallServersProcess, ChargenHoldsLittleForThoseWhoDoNotReadAndServesTheOthers) {
  start("chargen_server");
  std::vector<std::unique_ptr<Peer>> lazy;
  {
    Peer(address()).receiveExactly(kMiB);
  }
  const std::size_t before = residentBytes(process());
  for (int i = 0; i < 50; ++i) lazy.push_back(std::make_unique<Peer>(address(), 4096));
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([this] { Peer(address()).receiveExactly(8 * kMiB); });
  }
  for (std::thread& reader : readers) reader.join();
  if (!kSanitized) {
    EXPECT_LT(residentBytes(process()), before + 4 * kMiB);
  }
  // Who reads late finds the pattern whole.
  expectSameBytes(lazy[7]->receiveExactly(kMiB), pattern(kMiB));
}

TEST_P(SmallServersProcess, DaytimeSendsALineAndCloses) {
  start("daytime_server");
  for (int i = 0; i < 3; ++i) {
    Peer peer(address());
    const std::string line = peer.receiveUntilEof();
    static const std::regex form(
        "[A-Z][a-z]+, [A-Z][a-z]+ [0-9]{2}, ([0-9]{4}) "
        "[0-9]{2}:[0-9]{2}:[0-9]{2}-UTC\r\n");
    EXPECT_TRUE(std::regex_match(line, form)) << line;
  }
}

TEST_P(SmallServersProcess, TimeSendsTheSecondsSince1900AndCloses) {
  start("time_server");
  Peer peer(address());
  const auto before = static_cast<std::uint32_t>(::time(nullptr));
  const std::string bytes = Peer(address()).receiveUntilEof();
  const auto after = static_cast<std::uint32_t>(::time(nullptr));
  ASSERT_EQ(bytes.size(), 4U);
  std::uint32_t seconds = 0;
  for (const char c : bytes) seconds = (seconds << 8U) | static_cast<unsigned char>(c);
  const std::uint32_t unixSeconds = seconds - 2'208'988'800U;
  EXPECT_GE(unixSeconds - before, 0U);
  EXPECT_LE(unixSeconds - before, after - before);
}

TEST_P(SmallServersProcess, ThoseThatCloseDoNotWaitForEverForTheClientToClose) {
  for (const char* name : {"daytime_server", "time_server"}) {
    start(name);
    Peer peer(address());
    peer.receiveUntilEof();
    // Sending goes on until the server has closed its side for good.
    EXPECT_TRUE(eventually([&] { return peer.sendNow("x") < 0; })) << name;
    end();
  }
}

TERN_ON_EACH_PROGRAM_POLLER(SmallServersProcess);

}  // namespace
}  // namespace tern::testing
