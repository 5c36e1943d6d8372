// ChannelTrouble: hang-ups, errors and fds that can't be watched: told once to whoever can act on
// them, and never a reason to spin.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <tern/net/EventLoop.h>
#include <tern/poller/Channel.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ChannelTrouble : public OnEachPoller {
 protected:
  // How often the poller waits during some ticks of a timer.
  std::uint64_t waitsDuringTicks(int ticks) {
    const std::uint64_t before = loop_.poller().stats().waits;
    const TimerId id = loop_.runEvery(2ms, [&] {
      if (--ticks == 0) loop_.quit();
    });
    loop_.loop();
    loop_.cancel(id);
    return loop_.poller().stats().waits - before;
  }

  EventLoop loop_{GetParam().spec};
};

// select() reports what read() would not block on, and knows no other condition.
#define TERN_NEEDS_HANG_UPS()                 \
  if (!GetParam().reportsErrorsWhilePaused()) \
  GTEST_SKIP() << "select() reports no hang-ups or errors"

TEST_P(ChannelTrouble, AHangUpReachesTheCloseCallback) {
  TERN_NEEDS_HANG_UPS();
  Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int closes = 0;
  channel.setReadCallback([](Timestamp) { ADD_FAILURE() << "nothing to read"; });
  channel.setCloseCallback([&] {
    ++closes;
    channel.disableAll();
  });
  channel.enableReading();
  runTurns(loop_, 3);
  pipe.writer.reset();
  runUntil(loop_, [&] { return closes > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(closes, 1);
}

TEST_P(ChannelTrouble, AHangUpWithoutCloseCallbackReachesTheReader) {
  Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int reads = 0;
  channel.setReadCallback([&](Timestamp) {
    char byte = 0;
    EXPECT_EQ(::read(pipe.reader.get(), &byte, 1), 0);
    ++reads;
    channel.disableAll();
  });
  channel.enableReading();
  runTurns(loop_, 3);
  pipe.writer.reset();
  runUntil(loop_, [&] { return reads > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(reads, 1);
}

TEST_P(ChannelTrouble, WhatIsLeftToReadComesBeforeTheHangUp) {
  TERN_NEEDS_HANG_UPS();
  Pipe pipe;
  writeTo(pipe.writer, "last words");
  pipe.writer.reset();
  Channel channel(loop_.poller(), pipe.reader.get());
  std::vector<std::string> calls;
  channel.setReadCallback([&](Timestamp) { calls.push_back(readFrom(pipe.reader)); });
  channel.setCloseCallback([&] {
    calls.emplace_back("closed");
    channel.disableAll();
  });
  channel.enableReading();
  runUntil(loop_, [&] { return !calls.empty() && calls.back() == "closed"; });
  EXPECT_EQ(calls, (std::vector<std::string>{"last words", "closed"}));
}

TEST_P(ChannelTrouble, TheCloseCallbackMayDestroyTheChannel) {
  TERN_NEEDS_HANG_UPS();
  Pipe pipe;
  auto channel = std::make_unique<Channel>(loop_.poller(), pipe.reader.get());
  int closes = 0;
  channel->setReadCallback([](Timestamp) { ADD_FAILURE(); });
  channel->setErrorCallback([] { ADD_FAILURE(); });
  channel->setCloseCallback([&] {
    ++closes;
    channel.reset();
  });
  channel->enableReading();
  pipe.writer.reset();
  runUntil(loop_, [&] { return closes > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(closes, 1);
}

TEST_P(ChannelTrouble, AnErrorReachesTheErrorCallback) {
  TERN_NEEDS_HANG_UPS();
  Pipe pipe;
  fillUp(pipe.writer);
  Channel channel(loop_.poller(), pipe.writer.get());
  int errors = 0;
  channel.setErrorCallback([&] {
    ++errors;
    channel.disableAll();
  });
  channel.setWriteCallback([] {});
  channel.enableWriting();
  runTurns(loop_, 3);
  pipe.reader.reset();
  runUntil(loop_, [&] { return errors > 0; });
  runTurns(loop_, 5);
  EXPECT_EQ(errors, 1);
}

TEST_P(ChannelTrouble, AnErrorWithoutErrorCallbackReachesTheWriter) {
  Pipe pipe;
  fillUp(pipe.writer);
  Channel channel(loop_.poller(), pipe.writer.get());
  int writes = 0;
  channel.setWriteCallback([&] {
    ++writes;
    channel.disableAll();
  });
  channel.enableWriting();
  runTurns(loop_, 3);
  EXPECT_EQ(writes, 0);
  pipe.reader.reset();
  runUntil(loop_, [&] { return writes > 0; });
}

TEST_P(ChannelTrouble, AChannelMayAskForErrorsAndHangUpsAlone) {
  TERN_NEEDS_HANG_UPS();
  SocketPair pair;
  Channel channel(loop_.poller(), pair.one.get());
  int closes = 0;
  channel.setReadCallback([](Timestamp) { ADD_FAILURE(); });
  channel.setWriteCallback([] { ADD_FAILURE(); });
  channel.setCloseCallback([&] {
    ++closes;
    channel.disableAll();
  });
  channel.setInterest(event::kError);
  EXPECT_FALSE(channel.isNoneEvent());
  writeTo(pair.other, "x");
  runTurns(loop_, 5);
  EXPECT_EQ(closes, 0);
  pair.other.reset();
  runUntil(loop_, [&] { return closes > 0; });
}

TEST_P(ChannelTrouble, AHangUpThatNobodyActsOnIsReportedInEachTurn) {
  TERN_NEEDS_HANG_UPS();
  Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  int closes = 0;
  channel.setCloseCallback([&] {
    if (++closes == 10) channel.disableAll();
  });
  channel.enableReading();
  pipe.writer.reset();
  runUntil(loop_, [&] { return closes >= 10; });
}

TEST_P(ChannelTrouble, WithoutAnyCallbackDoesNotSpin) {
  const LogCapture log;
  Pipe hungUp;
  Channel reader(loop_.poller(), hungUp.reader.get());
  reader.enableReading();
  hungUp.writer.reset();
  Pipe broken;
  Channel writer(loop_.poller(), broken.writer.get());
  writer.enableWriting();
  broken.reader.reset();
  EXPECT_LT(waitsDuringTicks(10), 60U);
  EXPECT_TRUE(reader.isNoneEvent());
  EXPECT_TRUE(writer.isNoneEvent());
  EXPECT_EQ(log.count("has no callback for them; no longer watched"), 2U);
}

TEST_P(ChannelTrouble, AReadableFdWithoutReadCallbackDoesNotSpin) {
  const LogCapture log;
  const UniqueFd fd = makeEventFd(1);
  Channel channel(loop_.poller(), fd.get());
  channel.setWriteCallback([] {});
  channel.enableReading();
  EXPECT_LT(waitsDuringTicks(10), 60U);
  EXPECT_EQ(log.count("no longer watched"), 1U);
}

TEST_P(ChannelTrouble, OfADisabledChannelIsNotReported) {
  const LogCapture log;
  Pipe pipe;
  Channel channel(loop_.poller(), pipe.reader.get());
  channel.setReadCallback([](Timestamp) { ADD_FAILURE(); });
  channel.setCloseCallback([] { ADD_FAILURE(); });
  channel.enableReading();
  runTurns(loop_, 2);
  channel.disableAll();
  pipe.writer.reset();
  EXPECT_LT(waitsDuringTicks(10), 60U);
  EXPECT_TRUE(log.lines().empty());
}

// A file on disk, which has no name any more.
UniqueFd regularFile() {
  std::string path = ::testing::TempDir() + "tern-channel-XXXXXX";
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  EXPECT_TRUE(fd);
  ::unlink(path.c_str());
  return fd;
}

TEST_P(ChannelTrouble, ARegularFileIsReadableOrRefused) {
  const UniqueFd file = regularFile();
  Channel channel(loop_.poller(), file.get());
  int reads = 0;
  channel.setReadCallback([&](Timestamp) {
    ++reads;
    channel.disableAll();
  });
  if (GetParam().name == "epoll") {
    try {
      channel.enableReading();
      FAIL() << "epoll watches a regular file";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::error_code(EPERM, std::system_category()));
      EXPECT_NE(std::string(error.what()).find("regular files and directories can't be watched"),
                std::string::npos);
    }
    EXPECT_TRUE(channel.isNoneEvent());
    runTurns(loop_, 3);
    EXPECT_EQ(reads, 0);
    return;
  }
  channel.enableReading();
  runUntil(loop_, [&] { return reads > 0; });
  runTurns(loop_, 3);
  EXPECT_EQ(reads, 1);
}

TEST_P(ChannelTrouble, AFdThatIsNotOpenIsRefusedOrReportedButNotFatal) {
  const LogCapture log;
  int number = -1;
  {
    const UniqueFd fd = makeEventFd();
    number = fd.get();
  }
  if (GetParam().name == "select") GTEST_SKIP() << "select() fails for all fds when one is closed";
  Channel channel(loop_.poller(), number);
  bool told = false;
  channel.setErrorCallback([&] {
    told = true;
    channel.disableAll();
  });
  try {
    channel.enableReading();
    runUntil(loop_, [&] { return told; });
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBADF);
  }
  runTurns(loop_, 3);
}

TEST_P(ChannelTrouble, ADescriptorsResetReachesTheReader) {
  SocketPair pair;
  Channel channel(loop_.poller(), pair.one.get());
  int reads = 0;
  channel.setReadCallback([&](Timestamp) {
    ++reads;
    channel.disableAll();
  });
  channel.enableReading();
  // Closing with unread bytes: the other end gets ECONNRESET.
  writeTo(pair.one, "never read");
  pair.other.reset();
  runUntil(loop_, [&] { return reads > 0; });
}

// A writer that waits for room while the other end has finished sending, which is nothing that it
// asked for: the loop is quiet until there is room, and then it is told.
template <class Pair>
class WaitingWriter {
 public:
  explicit WaitingWriter(EventLoop& loop) : channel_(loop.poller(), pair_.one.get()) {
    fillUp(pair_.one);
    EXPECT_EQ(::shutdown(pair_.other.get(), SHUT_WR), 0);
    channel_.setWriteCallback([this] {
      ++told;
      fillUp(pair_.one);  // what is on its way to the other end may make room at first
    });
    channel_.enableWriting();
  }
  void makeRoom() { readFrom(pair_.other); }

  int told = 0;

 private:
  Pair pair_;
  Channel channel_;
};

TEST_P(ChannelTrouble, AWriterWhoseReaderFinishedSendingDoesNotSpinAndIsToldOfRoom) {
  WaitingWriter<SocketPair> writer(loop_);
  EXPECT_LT(waitsDuringTicks(10), 60U);
  EXPECT_EQ(writer.told, 0);
  for (int i = 1; i <= 3; ++i) {
    writer.makeRoom();
    runUntil(loop_, [&] { return writer.told == i; });
    EXPECT_LT(waitsDuringTicks(10), 60U);
  }
}

TEST_P(ChannelTrouble, AWriterOverTcpWhoseReaderFinishedSendingDoesNotSpinAndIsToldOfRoom) {
  WaitingWriter<TcpPair> writer(loop_);
  runTurns(loop_, 5);
  EXPECT_LT(waitsDuringTicks(10), 60U);
  for (int i = 0; i < 3; ++i) {
    const int before = writer.told;
    // More than once, since what is sent meanwhile takes the place of what was read.
    runUntil(loop_, [&] {
      writer.makeRoom();
      return writer.told > before;
    });
    EXPECT_LT(waitsDuringTicks(10), 60U);
  }
}

TERN_ON_EACH_POLLER(ChannelTrouble);

}  // namespace
}  // namespace tern::testing
