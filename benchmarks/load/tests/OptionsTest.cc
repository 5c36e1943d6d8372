// The command line: what it means, and what is refused with one sentence.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <vector>

#include "Options.h"

namespace tern::load {
namespace {

Options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"tern-load", "--connect", "127.0.0.1:9"});
  std::ostringstream out;
  return parseOptions(static_cast<int>(arguments.size()), arguments.data(), out).value();
}

std::string refusalOf(const std::vector<const char*>& arguments) {
  try {
    parse(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Options, HaveDefaultsForSmallRequests) {
  const Options options = parse({});
  EXPECT_EQ(options.work, Work::echo);
  EXPECT_EQ(options.framing, Framing::raw);
  EXPECT_EQ(options.connections, 100U);
  EXPECT_EQ(options.size, 64U);
  EXPECT_EQ(options.depth, 1U);
  EXPECT_FALSE(options.rate);
  EXPECT_FALSE(options.serverPid);
}

TEST(Options, HaveOtherDefaultsForBulkAndGiveWayToWhatIsAskedFor) {
  EXPECT_EQ(parse({"--bulk"}).size, 256U * 1024);
  EXPECT_EQ(parse({"--bulk"}).connections, 4U);
  EXPECT_EQ(parse({"--bulk", "--size", "1000", "--connections", "7"}).size, 1000U);
  EXPECT_EQ(parse({"--bulk", "--size", "1000", "--connections", "7"}).connections, 7U);
}

TEST(Options, TakeBroadcastWithTheDefaultsOfSmallRequests) {
  const Options options = parse({"--broadcast", "--depth", "4"});
  EXPECT_EQ(options.work, Work::broadcast);
  EXPECT_EQ(options.connections, 100U);
  EXPECT_EQ(options.size, 64U);
  EXPECT_EQ(options.depth, 4U);
}

TEST(Options, TakeAllThatCanBeSaid) {
  const std::string pid = std::to_string(::getpid());
  const Options options =
      parse({"--mode",    "framed",    "--connections", "10",        "--size", "16KiB",  "--depth",
             "16",        "--seconds", "0.5",           "--warmup",  "0",      "--rate", "1e5",
             "--timeout", "2",         "--server-pid",  pid.c_str(), "--json", "-"});
  EXPECT_EQ(options.framing, Framing::framed);
  EXPECT_EQ(options.connections, 10U);
  EXPECT_EQ(options.size, 16384U);
  EXPECT_EQ(options.depth, 16U);
  EXPECT_EQ(options.seconds, 0.5);
  EXPECT_EQ(options.warmup, 0.0);
  EXPECT_EQ(options.rate, 100'000.0);
  EXPECT_EQ(options.timeout, 2.0);
  EXPECT_EQ(options.serverPid, ::getpid());
  EXPECT_EQ(options.jsonFile, "-");
}

TEST(Options, TakeSizesWithUnits) {
  EXPECT_EQ(parse({"--size", "7B"}).size, 7U);
  EXPECT_EQ(parse({"--size", "2kB"}).size, 2000U);
  EXPECT_EQ(parse({"--size", "1MB"}).size, 1'000'000U);
  EXPECT_EQ(parse({"--size", "1MiB"}).size, 1'048'576U);
}

TEST(Options, AllowAnEmptyMessageOnlyInAFrame) {
  EXPECT_EQ(parse({"--mode", "framed", "--size", "0"}).size, 0U);
  EXPECT_NE(refusalOf({"--size", "0"}), "");
}

TEST(Options, RefuseWhatMakesNoSenseWithASentenceThatNamesTheOption) {
  const std::vector<std::vector<const char*>> wrong{{"--connections", "0"},
                                                    {"--connections", "-1"},
                                                    {"--connections", "x"},
                                                    {"--connections", "4294967297"},
                                                    {"--size", "-1"},
                                                    {"--size", "1.5"},
                                                    {"--size", "1XB"},
                                                    {"--size", ""},
                                                    {"--size", "300MiB"},
                                                    {"--size", "99999999999999999999"},
                                                    {"--size", "17179869185GiB"},
                                                    {"--depth", "0"},
                                                    {"--depth", "65537"},
                                                    {"--seconds", "0"},
                                                    {"--seconds", "nan"},
                                                    {"--seconds", "inf"},
                                                    {"--seconds", "-1"},
                                                    {"--seconds", "1e9"},
                                                    {"--warmup", "-1"},
                                                    {"--timeout", "0"},
                                                    {"--rate", "0"},
                                                    {"--rate", "-5"},
                                                    {"--rate", "nan"},
                                                    {"--rate", "1e10"},
                                                    {"--mode", "binary"},
                                                    {"--mode", "1"},
                                                    {"--server-pid", "0"},
                                                    {"--server-pid", "-1"},
                                                    {"--server-pid", "999999999"},
                                                    {"--nonsense"},
                                                    {"--json"}};
  for (const auto& arguments : wrong) {
    const std::string refusal = refusalOf(arguments);
    EXPECT_NE(refusal.find(arguments.front()), std::string::npos)
        << arguments.front() << ": \"" << refusal << '"';
    EXPECT_EQ(refusal.find('\n'), std::string::npos);
  }
}

TEST(Options, RefuseWhatCannotBeCombined) {
  EXPECT_NE(refusalOf({"--bulk", "--idle"}), "");
  EXPECT_NE(refusalOf({"--broadcast", "--bulk"}), "");
  EXPECT_NE(refusalOf({"--broadcast", "--rate", "10"}), "");
  EXPECT_NE(refusalOf({"--idle", "--accept-rate"}), "");
  EXPECT_NE(refusalOf({"--bulk", "--rate", "10"}), "");
  EXPECT_NE(refusalOf({"--size", "1MiB", "--depth", "257"}), "");
}

TEST(Options, RefuseOtherMachinesUnlessTheyAreAllowed) {
  const char* arguments[] = {"tern-load", "--connect", "192.0.2.1:80", "--allow-remote"};
  std::ostringstream out;
  EXPECT_THROW(parseOptions(3, arguments, out), UsageError);
  EXPECT_EQ(parseOptions(4, arguments, out)->server.text(), "192.0.2.1:80");
}

TEST(Options, RefuseToStartWithoutAServer) {
  const char* arguments[] = {"tern-load"};
  std::ostringstream out;
  EXPECT_THROW(parseOptions(1, arguments, out), UsageError);
}

TEST(Options, PrintHelpAndNothingElse) {
  const char* arguments[] = {"tern-load", "--help"};
  std::ostringstream out;
  EXPECT_FALSE(parseOptions(2, arguments, out));
  EXPECT_NE(out.str().find("--accept-rate"), std::string::npos);
  EXPECT_NE(out.str().find("--broadcast"), std::string::npos);
}

}  // namespace
}  // namespace tern::load
