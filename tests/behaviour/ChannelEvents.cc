// ChannelEvents: a channel reports what is asked for, as long as it lasts, and nothing else.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ChannelEvents : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
};

// The handler form.
struct Handler final : ChannelHandler {
  void onEvents(EventMask events) override {
    seen.push_back(events);
    if (then) then();
  }
  std::vector<EventMask> seen;
  std::function<void()> then;
};

TEST_P(ChannelEvents, ReportReadable) {
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  std::string got;
  channel.setReadCallback([&](Timestamp) { got += readFrom(pipe.reader); });
  channel.enableReading();
  EXPECT_TRUE(channel.isReading());
  EXPECT_FALSE(channel.isWriting());
  runTurns(loop_, 5);
  EXPECT_EQ(got, "");
  writeTo(pipe.writer, "hello");
  runUntil(loop_, [&] { return !got.empty(); });
  EXPECT_EQ(got, "hello");
}

TEST_P(ChannelEvents, ReportWritable) {
  const Pipe pipe;
  fillUp(pipe.writer);
  Channel channel(loop_.poller(), pipe.writer.get());
  int calls = 0;
  channel.setWriteCallback([&] {
    ++calls;
    channel.disableWriting();
  });
  channel.enableWriting();
  EXPECT_TRUE(channel.isWriting());
  runTurns(loop_, 5);
  EXPECT_EQ(calls, 0);
  readFrom(pipe.reader);
  runUntil(loop_, [&] { return calls > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(calls, 1);
}

TEST_P(ChannelEvents, ReportBothTheReadFirst) {
  const SocketPair pair;
  writeTo(pair.other, "x");
  Channel channel(loop_.poller(), pair.one.get());
  std::vector<std::string> calls;
  channel.setWriteCallback([&] {
    calls.emplace_back("write");
    channel.disableWriting();
  });
  channel.setReadCallback([&](Timestamp) {
    calls.emplace_back("read");
    channel.disableReading();
  });
  channel.enableReading();
  channel.enableWriting();
  runUntil(loop_, [&] { return calls.size() >= 2; });
  runTurns(loop_, 5);
  EXPECT_EQ(calls, (std::vector<std::string>{"read", "write"}));
  EXPECT_TRUE(channel.isNoneEvent());
}

TEST_P(ChannelEvents, AreLevelTriggered) {
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int calls = 0;
  channel.setReadCallback([&](Timestamp) {
    if (++calls == 10) readFrom(pipe.reader);
  });
  channel.enableReading();
  writeTo(pipe.writer, "x");
  runUntil(loop_, [&] { return calls >= 10; });
  runTurns(loop_, 5);
  EXPECT_EQ(calls, 10);
}

TEST_P(ChannelEvents, WritableIsLevelTriggeredToo) {
  const UniqueFd fd = makeEventFd();
  Channel channel(loop_.poller(), fd.get());
  int calls = 0;
  channel.setWriteCallback([&] {
    if (++calls == 10) channel.disableAll();
  });
  channel.enableWriting();
  runUntil(loop_, [&] { return calls >= 10; });
  runTurns(loop_, 5);
  EXPECT_EQ(calls, 10);
}

TEST_P(ChannelEvents, ComeAgainForWhatACallbackLeavesUnread) {
  const Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  std::string got;
  channel.setReadCallback([&](Timestamp) {
    char one = 0;
    if (::read(pipe.reader.get(), &one, 1) == 1) got += one;
  });
  channel.enableReading();
  writeTo(pipe.writer, "one by one");
  runUntil(loop_, [&] { return got == "one by one"; });
}

TEST_P(ChannelEvents, GoToAHandlerAsAMask) {
  const SocketPair pair;
  Handler handler;
  Channel channel(loop_.poller(), pair.one.get(), handler);
  handler.then = [&] { channel.disableWriting(); };
  channel.setInterest(event::kReadable | event::kWritable);
  runUntil(loop_, [&] { return !handler.seen.empty(); });
  EXPECT_EQ(handler.seen, std::vector<EventMask>{event::kWritable});
  writeTo(pair.other, "x");
  handler.then = [&] { readFrom(pair.one); };
  runUntil(loop_, [&] { return handler.seen.size() > 1; });
  runTurns(loop_, 3);
  EXPECT_EQ(handler.seen, (std::vector<EventMask>{event::kWritable, event::kReadable}));
}

TEST_P(ChannelEvents, StopWhenDisabledInTheCallback) {
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  int calls = 0;
  channel.setReadCallback([&](Timestamp) {
    ++calls;
    channel.disableReading();
  });
  channel.enableReading();
  runUntil(loop_, [&] { return calls > 0; });
  runTurns(loop_, 10);
  EXPECT_EQ(calls, 1);
  // What lasted meanwhile is reported again.
  channel.enableReading();
  runUntil(loop_, [&] { return calls > 1; });
  EXPECT_EQ(calls, 2);
}

TEST_P(ChannelEvents, ThatAnEarlierCallbackOfTheBatchDisabledAreDropped) {
  const UniqueFd one = makeEventFd(1);
  const UniqueFd other = makeEventFd(1);
  Channel first(loop_.poller(), one.get());
  Channel second(loop_.poller(), other.get());
  int calls = 0;
  first.setReadCallback([&](Timestamp) {
    ++calls;
    first.disableAll();
    second.disableAll();
  });
  second.setReadCallback([&](Timestamp) {
    ++calls;
    first.disableAll();
    second.disableAll();
  });
  first.enableReading();
  second.enableReading();
  runTurns(loop_, 20);
  EXPECT_EQ(calls, 1);
}

TEST_P(ChannelEvents, FollowTheLastInterestOfManyBetweenTurns) {
  const SocketPair pair;
  writeTo(pair.other, "x");
  Channel channel(loop_.poller(), pair.one.get());
  int reads = 0;
  int writes = 0;
  channel.setReadCallback([&](Timestamp) { ++reads; });
  channel.setWriteCallback([&] { ++writes; });
  const auto flicker = [&] {
    for (int i = 0; i < 100; ++i) {
      channel.enableReading();
      channel.enableWriting();
      channel.disableReading();
      channel.disableAll();
    }
  };
  flicker();
  runTurns(loop_, 10);
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(writes, 0);

  flicker();
  channel.enableReading();
  runUntil(loop_, [&] { return reads > 2; });
  EXPECT_EQ(writes, 0);

  flicker();
  channel.enableWriting();
  const int readsBefore = reads;
  runUntil(loop_, [&] { return writes > 2; });
  EXPECT_EQ(reads, readsBefore);
}

TEST_P(ChannelEvents, FollowAnInterestThatChangesInEachTurn) {
  const SocketPair pair;
  writeTo(pair.other, "x");
  Channel channel(loop_.poller(), pair.one.get());
  int reads = 0;
  int writes = 0;
  channel.setReadCallback([&](Timestamp) {
    ++reads;
    channel.setInterest(event::kWritable);
  });
  channel.setWriteCallback([&] {
    ++writes;
    channel.setInterest(event::kReadable);
  });
  channel.enableReading();
  runUntil(loop_, [&] { return reads + writes >= 100; });
  EXPECT_LE(reads - writes, 1);
  EXPECT_GE(reads - writes, 0);
}

TEST_P(ChannelEvents, OfManyChannelsAreAllReported) {
  constexpr std::size_t kMany = 200;
  std::vector<UniqueFd> fds;
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<int> calls(kMany, 0);
  for (std::size_t i = 0; i < kMany; ++i) {
    fds.push_back(makeEventFd(1));
    channels.push_back(std::make_unique<Channel>(loop_.poller(), fds[i].get()));
    channels[i]->setReadCallback([&, i](Timestamp) {
      ++calls[i];
      channels[i]->disableAll();
    });
    channels[i]->enableReading();
  }
  runUntil(loop_, [&] { return calls == std::vector<int>(kMany, 1); });
  runTurns(loop_, 5);
  EXPECT_EQ(calls, std::vector<int>(kMany, 1));
}

TEST_P(ChannelEvents, TheRunningCallbackMayReplaceItself) {
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  std::vector<std::string> calls;
  // Held by the callback alone: it must outlive the replacement.
  auto text = std::make_unique<std::string>("first, with a text too long to lie in the object");
  channel.setReadCallback([&, text = std::shared_ptr<std::string>(std::move(text))](Timestamp) {
    channel.setReadCallback([&](Timestamp) {
      calls.emplace_back("second");
      channel.disableAll();
    });
    calls.push_back(*text);
  });
  channel.enableReading();
  runUntil(loop_, [&] { return calls.size() == 2; });
  EXPECT_EQ(calls, (std::vector<std::string>{"first, with a text too long to lie in the object",
                                             "second"}));
}

TEST_P(ChannelEvents, AreDeliveredOnlyWhileTheTiedOwnerLives) {
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  auto owner = std::make_shared<int>(0);
  channel.tie(owner);
  int calls = 0;
  channel.setReadCallback([&](Timestamp) { ++calls; });
  channel.enableReading();
  runUntil(loop_, [&] { return calls >= 2; });
  owner.reset();
  const int before = calls;
  runTurns(loop_, 10);
  EXPECT_EQ(calls, before);
}

TEST_P(ChannelEvents, KeepTheTiedOwnerAliveDuringTheCallback) {
  struct Owner {
    explicit Owner(Poller& poller, int fd) : channel(poller, fd) {}
    Channel channel;
    int value = 42;
  };
  const UniqueFd fd = makeEventFd(1);
  auto owner = std::make_shared<Owner>(loop_.poller(), fd.get());
  const std::weak_ptr<Owner> watch = owner;
  Owner* raw = owner.get();
  int seen = 0;
  owner->channel.tie(owner);
  owner->channel.setReadCallback([&owner, &seen, raw](Timestamp) {
    owner.reset();
    seen = raw->value;
  });
  owner->channel.enableReading();
  runUntil(loop_, [&] { return seen != 0; });
  EXPECT_EQ(seen, 42);
  EXPECT_TRUE(watch.expired());
}

TEST_P(ChannelEvents, ChannelsNameTheirFdPollerAndThemselves) {
  const UniqueFd fd = makeEventFd();
  const Channel one(loop_.poller(), fd.get());
  const Channel other(loop_.poller(), fd.get());
  EXPECT_EQ(one.fd(), fd.get());
  EXPECT_EQ(&one.poller(), &loop_.poller());
  EXPECT_FALSE(one.id() == other.id());
  EXPECT_TRUE(loop_.poller().alive(one.id()));
  EXPECT_TRUE(one.isNoneEvent());
}

TERN_ON_EACH_POLLER(ChannelEvents);

}  // namespace
}  // namespace tern::testing
