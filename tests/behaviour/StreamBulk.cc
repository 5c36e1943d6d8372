// StreamBulk: a bulky stream receives much at a time, but little while others want their turn.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/BulkRoom.h>
#include <tern/poller/Poller.h>
#include <tern/poller/Stream.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Pattern.h"

namespace tern::testing {
namespace {

/// One end of a pair, with a stream on the other.
class Link final : public StreamHandler {
 public:
  explicit Link(Poller& poller) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    peer_ = UniqueFd(fds[1]);
    // More than a block, and less than all that must be received before more is offered.
    const int room = 128 * 1024;
    EXPECT_EQ(::setsockopt(peer_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    stream_ = poller.openStream(UniqueFd(fds[0]), *this);
    stream_->startReading();
  }

  /// As much as there is room for.
  void fill() {
    for (;;) {
      const std::string_view some = patternAt(sent_, kPatternLength);
      const ssize_t n = ::send(peer_.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (n <= 0) return;
      sent_ += static_cast<std::size_t>(n);
    }
  }
  void sendOne() {
    ASSERT_EQ(::send(peer_.get(), patternAt(sent_, 1).data(), 1, 0), 1);
    ++sent_;
  }
  void pause() { stream_->stopReading(); }
  void goOn() { stream_->startReading(); }
  [[nodiscard]] bool complete() const { return received_ == sent_; }
  /// How much it was last asked to hold; 0: not since that was last cleared.
  std::size_t asked = 0;

 private:
  void onData(std::span<const char> bytes) override {
    EXPECT_TRUE(std::ranges::equal(bytes, patternAt(received_, bytes.size())));
    received_ += bytes.size();
  }
  std::span<char> receiveRoom(std::size_t most) override {
    asked = most;
    return {};
  }
  void onEof() override { ADD_FAILURE() << "an end"; }
  void onSent(std::size_t /*bytes*/) override {}
  void onError(std::error_code error) override { ADD_FAILURE() << error.message(); }

  UniqueFd peer_;
  StreamPtr stream_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

class StreamBulk : public OnEachPoller {
 protected:
  /// Until it has been asked again; how much it may receive then.
  std::size_t nextRoom(Link& link) {
    link.asked = 0;
    runUntil(loop_, [&] {
      if (link.complete()) link.fill();
      return link.asked != 0;
    });
    return link.asked;
  }

  EventLoop loop_{GetParam().spec};
};

TEST_P(StreamBulk, ABulkyStreamReceivesMoreWhileNoOtherStreamDoes) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it was told to receive 32 bytes at a time";
  Link bulky(loop_.poller());
  Link other(loop_.poller());
  EXPECT_EQ(nextRoom(bulky), BulkRoom::kBesideOthers) << "nothing is known yet";
  for (unsigned i = 0; i < 2 * BulkRoom::kPatience; ++i) nextRoom(bulky);
  EXPECT_EQ(nextRoom(bulky), BulkRoom::kAlone);

  other.sendOne();
  runUntil(loop_, [&] { return other.complete(); });
  EXPECT_EQ(nextRoom(bulky), BulkRoom::kBesideOthers);
  for (unsigned i = 0; i < 2 * BulkRoom::kPatience; ++i) nextRoom(bulky);
  EXPECT_EQ(nextRoom(bulky), BulkRoom::kAlone);
  runUntil(loop_, [&] { return bulky.complete(); });
}

// On io_uring its wait for more is cancelled, which is not a receive.
TEST_P(StreamBulk, ABulkyStreamThatPausesIsNotInTheOthersWay) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it was told to receive 32 bytes at a time";
  Link bulky(loop_.poller());
  Link pausing(loop_.poller());
  nextRoom(pausing);
  runUntil(loop_, [&] { return pausing.complete(); });
  for (unsigned i = 0; i < 2 * BulkRoom::kPatience; ++i) nextRoom(bulky);
  for (int i = 0; i < 10; ++i) {
    pausing.pause();
    EXPECT_EQ(nextRoom(bulky), BulkRoom::kAlone);
    pausing.goOn();
    EXPECT_EQ(nextRoom(bulky), BulkRoom::kAlone);
  }
}

// A frame of 1 MiB has a header, which comes behind the large receive.
TEST_P(StreamBulk, AStreamOfLargeMessagesWithSmallEndsStaysBulky) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it was told to receive 32 bytes at a time";
  Link link(loop_.poller());
  nextRoom(link);
  runUntil(loop_, [&] { return link.complete(); });
  for (int i = 0; i < 50; ++i) {
    link.asked = 0;
    link.fill();
    runUntil(loop_, [&] { return link.complete(); });
    EXPECT_GT(link.asked, 0U) << "message " << i;
    link.sendOne();
    runUntil(loop_, [&] { return link.complete(); });
  }
}

TERN_ON_EACH_POLLER(StreamBulk);

}  // namespace
}  // namespace tern::testing
