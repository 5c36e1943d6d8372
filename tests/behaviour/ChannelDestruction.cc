// ChannelDestruction: channels destroyed at any moment, and fds that are reused at once: no event
// reaches who is gone, or who came after.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ChannelDestruction : public OnEachPoller {
 protected:
  EventLoop loop_{GetParam().spec};
};

// An fd of this very number, which must be free, for another file.
UniqueFd atNumber(int number, const UniqueFd& other) {
  UniqueFd fd(::fcntl(other.get(), F_DUPFD_CLOEXEC, number));
  EXPECT_EQ(fd.get(), number);
  return fd;
}

TEST_P(ChannelDestruction, BeforeAnyTurn) {
  const UniqueFd fd = makeEventFd(1);
  {
    Channel channel(loop_.poller(), fd.get());
    channel.setReadCallback([](Timestamp) { ADD_FAILURE(); });
    channel.enableReading();
  }
  runTurns(loop_, 5);
}

TEST_P(ChannelDestruction, InItsOwnCallback) {
  const UniqueFd fd = makeEventFd(1);
  auto channel = std::make_unique<Channel>(loop_.poller(), fd.get());
  auto held = std::make_shared<int>(7);  // by the callback alone
  int seen = 0;
  channel->setReadCallback([&channel, &seen, held = std::move(held)](Timestamp) {
    channel.reset();
    seen += *held;
  });
  channel->enableReading();
  runUntil(loop_, [&] { return seen != 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(seen, 7);
}

TEST_P(ChannelDestruction, InItsOwnReadCallbackSparesTheWriteCallback) {
  const SocketPair pair;
  writeTo(pair.other, "x");
  auto channel = std::make_unique<Channel>(loop_.poller(), pair.one.get());
  int reads = 0;
  channel->setReadCallback([&](Timestamp) {
    ++reads;
    channel.reset();
  });
  channel->setWriteCallback([] { ADD_FAILURE() << "a write callback of a channel that is gone"; });
  channel->setInterest(event::kReadable | event::kWritable);
  // Writable alone may come first on a poller that reports one after the other; not here, since
  // both last before the first turn.
  runUntil(loop_, [&] { return reads > 0; });
  runTurns(loop_, 5);
}

TEST_P(ChannelDestruction, InItsOwnHandler) {
  struct Suicidal final : ChannelHandler {
    void onEvents(EventMask) override {
      ++calls;
      channel.reset();
    }
    std::unique_ptr<Channel> channel;
    int calls = 0;
  };
  const UniqueFd fd = makeEventFd(1);
  Suicidal handler;
  handler.channel = std::make_unique<Channel>(loop_.poller(), fd.get(), handler);
  handler.channel->enableReading();
  runUntil(loop_, [&] { return handler.calls > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(handler.calls, 1);
}

TEST_P(ChannelDestruction, OfTheOthersOfTheSameBatch) {
  constexpr std::size_t kChannels = 5;
  std::array<UniqueFd, kChannels> fds;
  std::array<std::unique_ptr<Channel>, kChannels> channels;
  int calls = 0;
  for (std::size_t i = 0; i < kChannels; ++i) {
    fds[i] = makeEventFd(1);
    channels[i] = std::make_unique<Channel>(loop_.poller(), fds[i].get());
    channels[i]->setReadCallback([&, i](Timestamp) {
      ++calls;
      for (std::size_t other = 0; other < kChannels; ++other) {
        if (other == i) continue;
        channels[other].reset();
        fds[other].reset();
      }
      channels[i]->disableAll();
    });
    channels[i]->enableReading();
  }
  runTurns(loop_, 10);
  EXPECT_EQ(calls, 1);
}

TEST_P(ChannelDestruction, OfAllInOneCallback) {
  std::vector<UniqueFd> fds;
  std::vector<std::unique_ptr<Channel>> channels;
  int calls = 0;
  for (int i = 0; i < 50; ++i) {
    fds.push_back(makeEventFd(1));
    channels.push_back(std::make_unique<Channel>(loop_.poller(), fds.back().get()));
    channels.back()->setReadCallback([&](Timestamp) {
      ++calls;
      channels.clear();
      fds.clear();
    });
    channels.back()->enableReading();
  }
  runTurns(loop_, 20);
  EXPECT_EQ(calls, 1);
}

TEST_P(ChannelDestruction, AndReuseOfTheFdInTheSameBatchKeepsTheOldEventFromTheNewOwner) {
  // Either may be dispatched first: each replaces the other.
  std::array<UniqueFd, 2> fds{makeEventFd(1), makeEventFd(1)};
  std::array<std::unique_ptr<Channel>, 2> channels;
  const Pipe fresh;
  std::unique_ptr<Channel> successor;
  UniqueFd successorFd;
  int calls = 0;
  int successorCalls = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    channels[i] = std::make_unique<Channel>(loop_.poller(), fds[i].get());
    channels[i]->setReadCallback([&, i](Timestamp) {
      ++calls;
      channels[i]->disableAll();
      const std::size_t other = 1 - i;
      const int number = fds[other].get();
      channels[other].reset();
      fds[other].reset();
      successorFd = atNumber(number, fresh.reader);
      successor = std::make_unique<Channel>(loop_.poller(), number);
      successor->setReadCallback([&](Timestamp) {
        ++successorCalls;
        readFrom(successorFd);
      });
      successor->enableReading();
    });
    channels[i]->enableReading();
  }
  runTurns(loop_, 10);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(successorCalls, 0);
  // And it hears of its own.
  writeTo(fresh.writer, "x");
  runUntil(loop_, [&] { return successorCalls > 0; });
  EXPECT_EQ(successorCalls, 1);
}

TEST_P(ChannelDestruction, AndReuseOfTheFdBetweenTurnsKeepsTheOldEventFromTheNewOwner) {
  const Pipe quiet;
  UniqueFd fd = makeEventFd(1);
  const int number = fd.get();
  for (int round = 0; round < 20; ++round) {
    {
      Channel old(loop_.poller(), number);
      old.setReadCallback([](Timestamp) {});
      old.enableReading();
      runTurns(loop_, 1 + round % 3);
    }
    fd.reset();
    fd = atNumber(number, quiet.reader);
    {
      Channel fresh(loop_.poller(), number);
      fresh.setReadCallback([](Timestamp) { ADD_FAILURE() << "an event of the fd's old owner"; });
      fresh.enableReading();
      runTurns(loop_, 3);
    }
    const UniqueFd ready = makeEventFd(1);
    fd.reset();
    fd = atNumber(number, ready);
  }
}

TEST_P(ChannelDestruction, AndANewChannelOnTheSameFdInTheCallback) {
  const UniqueFd fd = makeEventFd(1);
  std::unique_ptr<Channel> channel;
  int made = 0;
  std::function<void()> renew = [&] {
    channel = std::make_unique<Channel>(loop_.poller(), fd.get());
    channel->setReadCallback([&](Timestamp) {
      if (++made < 20) {
        renew();
      } else {
        channel.reset();
      }
    });
    channel->enableReading();
  };
  renew();
  runUntil(loop_, [&] { return made == 20; });
  runTurns(loop_, 5);
  EXPECT_EQ(made, 20);
}

TEST_P(ChannelDestruction, AChannelMadeInACallbackIsWatched) {
  const UniqueFd first = makeEventFd(1);
  const UniqueFd second = makeEventFd(1);
  Channel channel(loop_.poller(), first.get());
  std::unique_ptr<Channel> added;
  int calls = 0;
  channel.setReadCallback([&](Timestamp) {
    channel.disableAll();
    added = std::make_unique<Channel>(loop_.poller(), second.get());
    added->setReadCallback([&](Timestamp) {
      ++calls;
      added.reset();
    });
    added->enableReading();
  });
  channel.enableReading();
  runUntil(loop_, [&] { return calls > 0; });
  runTurns(loop_, 3);
  EXPECT_EQ(calls, 1);
}

TEST_P(ChannelDestruction, ByAFunctorATimerAndATurnEndTaskWhileItsEventIsDue) {
  const UniqueFd fd = makeEventFd(1);
  for (int kind = 0; kind < 3; ++kind) {
    auto channel = std::make_unique<Channel>(loop_.poller(), fd.get());
    int calls = 0;
    channel->setReadCallback([&](Timestamp) { ++calls; });
    channel->enableReading();
    runUntil(loop_, [&] { return calls > 1; });
    const auto destroy = [&] {
      channel.reset();
      calls = 0;
    };
    if (kind == 0) loop_.queueInLoop(destroy);
    if (kind == 1) loop_.runAfter(0s, destroy);
    if (kind == 2) {
      loop_.atTurnEnd(std::shared_ptr<void>(&channel, [](void*) {}),
                      [](void* owner) { static_cast<std::unique_ptr<Channel>*>(owner)->reset(); });
    }
    runUntil(loop_, [&] { return channel == nullptr; });
    calls = 0;
    runTurns(loop_, 5);
    EXPECT_EQ(calls, 0);
  }
}

TEST_P(ChannelDestruction, OfThousandsInTurnLeavesNothingBehind) {
  for (int i = 0; i < 2'000; ++i) {
    const UniqueFd fd = makeEventFd(1);
    Channel channel(loop_.poller(), fd.get());
    channel.setReadCallback([&](Timestamp) { loop_.quit(); });
    channel.enableReading();
    if (i % 100 == 0) run(loop_);
  }
  runTurns(loop_, 3);
}

TERN_ON_EACH_POLLER(ChannelDestruction);

}  // namespace
}  // namespace tern::testing
