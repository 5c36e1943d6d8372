// UringOptions: every geometry that the header allows carries bytes, and impossible ones say what
// is wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <tern/poller/Poller.h>
#include <tern/poller/PollerSpec.h>
#include <tern/poller/Stream.h>
#include <tern/poller/UringOptions.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace tern {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

UringOptions geometry(std::uint32_t submissions, std::uint32_t completions, std::uint32_t buffers,
                      std::uint32_t bufferSize) {
  UringOptions options;
  options.submissionEntries = submissions;
  options.completionEntries = completions;
  options.bufferCount = buffers;
  options.bufferSize = bufferSize;
  options.bulkReceiveSize = 1;
  return options;
}

struct Collector final : StreamHandler {
  void onData(std::span<const char> bytes) override {
    received.append(bytes.data(), bytes.size());
    largest = std::max(largest, bytes.size());
  }
  void onEof() override { ended = true; }
  void onSent(std::size_t) override {}
  void onError(std::error_code error) override {
    ended = true;
    failure = error;
  }

  std::string received;
  std::size_t largest = 0;
  bool ended = false;
  std::error_code failure;
};

/// Receives `text` over several streams at once on a poller of that geometry; the largest piece
/// that came at a time.
std::size_t expectBytesArrive(const UringOptions& options, const std::string& text,
                              std::size_t streams = 3) {
  const PollerSpec::Made made = PollerSpec(options).make();
  struct End {
    Collector collector;
    StreamPtr stream;
  };
  std::vector<End> ends(streams);
  for (End& end : ends) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    const UniqueFd writer(fds[1]);
    end.stream = made.poller->openStream(UniqueFd(fds[0]), end.collector);
    end.stream->startReading();
    EXPECT_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::size_t largest = 0;
  for (const End& end : ends) {
    while (!end.collector.ended) made.poller->runOnce(kForever);
    EXPECT_FALSE(end.collector.failure) << end.collector.failure.message();
    EXPECT_EQ(end.collector.received, text);
    largest = std::max(largest, end.collector.largest);
  }
  return largest;
}

std::string pattern(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ' ';
  text.resize(size);
  return text;
}

TEST(UringOptions, TheDefaultsCarryBytes) {
  const UringOptions defaults;
  EXPECT_TRUE(defaults.completion);
  EXPECT_EQ(expectBytesArrive(defaults, pattern(5000)), 5000U) << "one buffer holds it all";
}

TEST(UringOptions, ASpecMadeOfThemIsIoUring) {
  const PollerSpec spec{UringOptions{}};
  EXPECT_EQ(spec.asked(), "io_uring");
  const PollerSpec::Made made = spec.make();
  EXPECT_EQ(made.poller->name(), "io_uring");
  EXPECT_EQ(made.choice.chosen, "io_uring");
}

TEST(UringOptions, TinyRingsAndBuffersCarryBytes) {
  EXPECT_EQ(expectBytesArrive(geometry(4, 8, 2, 8), pattern(500)), 8U);
  EXPECT_EQ(expectBytesArrive(geometry(1, 2, 1, 1), pattern(100)), 1U);
  EXPECT_EQ(expectBytesArrive(geometry(1, 1, 1, 64), pattern(500)), 64U);
}

TEST(UringOptions, CountsThatAreNoPowerOfTwoAreRounded) {
  EXPECT_EQ(expectBytesArrive(geometry(5, 11, 3, 100), pattern(1000)), 100U);
  EXPECT_EQ(expectBytesArrive(geometry(129, 1000, 100, 333), pattern(1000)), 333U);
}

TEST(UringOptions, CountsAboveTheKernelsLimitsAreClamped) {
  EXPECT_EQ(expectBytesArrive(geometry(kMost, kMost, 2, 64), pattern(500)), 64U);
  EXPECT_EQ(expectBytesArrive(geometry(8, 16, 32768, 16), pattern(500)), 16U);
  EXPECT_EQ(expectBytesArrive(geometry(8, 16, 32769, 16), pattern(500)), 16U);
}

TEST(UringOptions, ABulkyStreamReceivesMoreAtATime) {
  UringOptions options = geometry(8, 16, 4, 16);
  options.bulkReceiveSize = 512;
  EXPECT_EQ(expectBytesArrive(options, pattern(5000)), 512U);
}

// Each that is told to wait would be ready again at once: together they must not keep the ring
// full.
TEST(UringOptions, ManyBulkyStreamsShareARingThatIsTooSmallForThem) {
  UringOptions options = geometry(4, 8, 2, 8);
  options.bulkReceiveSize = 32;
  EXPECT_EQ(expectBytesArrive(options, pattern(5000), 50), 32U);
}

TEST(UringOptions, ABulkyStreamReceivesAtMostWhatAHandlerMayExpect) {
  UringOptions options = geometry(8, 16, 4, 16);
  options.bulkReceiveSize = kMost;
  EXPECT_GT(expectBytesArrive(options, pattern(100'000)), 16U);
  options.bulkReceiveSize = 0;
  EXPECT_EQ(expectBytesArrive(options, pattern(5000)), 16U);
}

TEST(UringOptions, CountsOfZeroAreTakenAsTheSmallest) {
  EXPECT_EQ(expectBytesArrive(geometry(8, 16, 0, 16), pattern(100)), 16U);
  EXPECT_EQ(expectBytesArrive(geometry(8, 16, 4, 0), pattern(100)), 1U);
  EXPECT_EQ(expectBytesArrive(geometry(0, 16, 4, 16), pattern(100)), 16U);
  EXPECT_EQ(expectBytesArrive(geometry(8, 0, 4, 16), pattern(100)), 16U);
}

// The kernel refuses a completion ring that is smaller than the submission ring; who raises one
// setting must not have to know that, nor be told that the kernel is too old.
TEST(UringOptions, MoreSubmissionsThanCompletionsAreServed) {
  UringOptions options;
  options.submissionEntries = 2 * options.completionEntries;
  EXPECT_EQ(expectBytesArrive(options, pattern(500)), 500U);
}

// Its cancellations are answered a few at a time.
TEST(UringOptions, APollerThatEndsLetsGoOfEachOfManyDescriptors) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  const UniqueFd peer(fds[1]);
  {
    UniqueFd shared(fds[0]);
    PollerSpec::Made made = PollerSpec(geometry(4, 8, 2, 8)).make();
    Collector collector;
    std::vector<StreamPtr> streams(2500);
    for (StreamPtr& stream : streams) {
      const int copy = ::fcntl(shared.get(), F_DUPFD_CLOEXEC, 0);
      ASSERT_GE(copy, 0);
      stream = made.poller->openStream(UniqueFd(copy), collector);
      stream->startReading();
    }
    made.poller->runOnce(Duration::zero());
    streams.clear();
  }
  char byte = 0;
  EXPECT_EQ(::recv(peer.get(), &byte, 1, MSG_DONTWAIT), 0) << "end of file: nobody has it any more";
}

TEST(UringOptions, LargeBuffersCarryBytes) {
  EXPECT_EQ(expectBytesArrive(geometry(8, 16, 4, 1U << 26U), pattern(500)), 500U);
}

TEST(UringOptions, APoolThatNoAddressSpaceHoldsIsRefusedNamingItsSize) {
  const PollerSpec spec(geometry(8, 16, 32768, kMost));
  EXPECT_THAT([&] { static_cast<void>(spec.make()); },
              ThrowsMessage<std::system_error>(HasSubstr(
                  std::to_string(std::uint64_t{32768} * kMost) + " bytes for receive buffers")));
}

TEST(UringOptions, WithoutCompletionItCarriesBytesByReadiness) {
  UringOptions options;
  options.completion = false;
  EXPECT_EQ(PollerSpec(options).make().choice.chosen, "io_uring");
  EXPECT_EQ(expectBytesArrive(options, pattern(5000)), 5000U);
  options.bufferCount = 0;
  options.bufferSize = 0;
  EXPECT_EQ(expectBytesArrive(options, pattern(5000)), 5000U) << "the pool does not matter";
}

}  // namespace
}  // namespace tern
