// RpcLosses: calls that lose their connection, their server or their channel. That each `done` runs
// exactly once is checked by ProbeCall.
#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "RpcFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using rpc::Error;

constexpr std::chrono::hours kLong{1};

void cancelledAt(Mailbox<bool>* told) { told->put(true); }

class RpcLosses : public RpcFixture {
 protected:
  // Bound, and not listening: connections are refused.
  [[nodiscard]] const SocketAddress& nowhere() const { return deaf_.address(); }

  void stopGently() {
    runOnLoop([&] { server().stop(1h, [&] { stopped_.put(true); }); });
  }
  // As holdCalls(), also for a second server of a test.
  void holdCallsThere(std::size_t count) {
    holdCalls(static_cast<int>(count));
    ASSERT_TRUE(eventually([&] { return service.held.size() == count; }));
  }

  PeerListener deaf_;
  Mailbox<bool> stopped_;
};

// --- connections ---

TEST_P(RpcLosses, ALostConnectionFailsItsCallsAndTheNextOneServesFurtherOnes) {
  serveRpc();
  rpc::ChannelOptions options;
  options.retry = RetryPolicy{1ms, 1ms};
  makeChannel(options);
  holdCalls(10);
  rpcUps.take()->forceClose();
  expectAll(Error::kUnavailable);
  rpcDowns.take();
  expectWorks();
  answerHeld();
  expectWorks();
}

TEST_P(RpcLosses, ALostConnectionCancelsWhatRuns) {
  Mailbox<bool> told;
  service.act = [&](const Held& call) {
    call.controller->NotifyOnCancel(google::protobuf::NewCallback(&cancelledAt, &told));
    service.held.put(call);
  };
  serveRpc();
  makeChannel();
  holdCalls(3);
  endChannel();
  expectAll(Error::kClosed);
  told.awaitTotal(3);
  const Held held = service.held.take();
  EXPECT_TRUE(held.controller->IsCanceled());
  held.answer();
  answerHeld();
  EXPECT_EQ(told.total(), 3U);
}

TEST_P(RpcLosses, AResetFailsItsCalls) {
  serveNothing();
  PeerListener listener;
  listener.listen();
  rpc::ChannelOptions options;
  options.retry.reset();
  makeChannelTo(listener.address(), options);
  ProbeCall first;
  ProbeCall second;
  first.act(channel());
  second.act(channel());
  Peer server = listener.accept();
  receiveFrame(server);
  server.reset();
  EXPECT_EQ(first.outcome.take().error, Error::kUnavailable);
  EXPECT_EQ(second.outcome.take().error, Error::kUnavailable);
  // There will be no other connection.
  EXPECT_EQ(echo(), Error::kUnavailable);
}

TEST_P(RpcLosses, CallsFailWhenNobodyListens) {
  serveNothing();
  rpc::ChannelOptions options;
  options.retry = RetryPolicy{1ms, 1ms};
  makeChannelTo(nowhere(), options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(echo(), Error::kUnavailable);
  options.retry.reset();
  makeChannelTo(nowhere(), options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(echo(), Error::kUnavailable);
}

TEST_P(RpcLosses, ACallThatWaitsForAConnectionFailsAtItsDeadline) {
  serveNothing();
  rpc::ChannelOptions options;
  options.retry = RetryPolicy{kLong, kLong};
  ProbeCall first;
  {
    const LoopHold hold(loop());
    first.echo(makeChannelTo(nowhere(), options));
  }
  EXPECT_EQ(first.outcome.take().error, Error::kUnavailable);
  // The next attempt is far away.
  ProbeCall call;
  call.controller.setTimeout(5ms);
  call.echo(channel());
  EXPECT_EQ(call.outcome.take().error, Error::kDeadlineExceeded);
}

TEST_P(RpcLosses, AServerThatEndsFailsTheCallsAndTheirRepliesGoNowhere) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  stopServer();
  expectAll(Error::kUnavailable);
  answerHeld();
}

TEST_P(RpcLosses, AServerThatStopsAnswersTheCallsItHasAndTakesNoMore) {
  for (const std::size_t threads : {0U, 2U}) {
    serveRpc({}, threads);
    makeChannel();
    holdCallsThere(5);
    stopGently();
    EXPECT_TRUE(eventually([&] { return echo() == Error::kUnavailable; }));
    EXPECT_EQ(stopped_.size(), 0U);
    answerHeld();
    for (const auto& call : calls_) EXPECT_EQ(call->outcome.take().text, "question");
    EXPECT_TRUE(stopped_.take());
    endChannel();
    calls_.clear();
    stop();
  }
}

TEST_P(RpcLosses, AServerThatStopsLosesNoAnswerThatManyThreadsGiveAtOnce) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 10; ++round) {
    serveRpc({}, 1);
    makeChannel();
    holdCallsThere(kThreads);
    stopGently();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([call = service.held.take()] { call.answer(); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& call : calls_) EXPECT_EQ(call->outcome.take().error, std::error_code());
    EXPECT_TRUE(stopped_.take());
    endChannel();
    calls_.clear();
    stop();
  }
}

TEST_P(RpcLosses, AServerThatStopsLetsAClientGoThatHasNoCall) {
  serveRpc();
  makeChannel();
  expectWorks();
  Peer silent(address());
  Peer incomplete(address());
  incomplete.sendAll(onWire({}).substr(0, 6));
  rpcUps.awaitTotal(3);
  stopGently();
  EXPECT_EQ(silent.receiveUntilEof(), "");
  EXPECT_EQ(incomplete.receiveUntilEof(), "");
  rpcDowns.take();
}

TEST_P(RpcLosses, AMethodMayEndTheServer) {
  serveRpc();
  service.act = [&](const Held& call) {
    stopServer();
    call.answer();
  };
  ProbeCall call;
  call.act(makeChannel());
  EXPECT_EQ(call.outcome.take().error, Error::kUnavailable);
}

TEST_P(RpcLosses, CallsMayEndWhenServerAndLoopAreGone) {
  serveRpc({}, 2);
  makeChannel();
  holdCalls(5);
  endChannel();
  expectAll(Error::kClosed);
  stop();
  answerHeld();
}

// --- channels ---

TEST_P(RpcLosses, AChannelEndsOnAnotherThread) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  endChannel();
  for (const auto& call : calls_) EXPECT_EQ(call->runs, 1);
  expectAll(Error::kClosed);
  answerHeld();
}

TEST_P(RpcLosses, AChannelEndsOnItsLoop) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  runOnLoop([&] {
    endChannel();
    for (const auto& call : calls_) EXPECT_EQ(call->runs, 1);
  });
  answerHeld();
}

TEST_P(RpcLosses, AChannelEndsInDone) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  calls_[2]->onDone = [&] { endChannel(); };
  std::vector<Held> held;
  for (int i = 0; i < 5; ++i) held.push_back(service.held.take());
  held[2].answer();
  EXPECT_EQ(calls_[2]->outcome.take().error, std::error_code());
  for (const std::size_t i : {0U, 1U, 3U, 4U}) {
    EXPECT_EQ(calls_[i]->outcome.take().error, Error::kClosed);
    held[i].answer();
  }
}

TEST_P(RpcLosses, AChannelEndsInDoneOfACallThatFailed) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  calls_[0]->onDone = [&] { endChannel(); };
  rpcUps.take()->forceClose();
  expectAll(Error::kUnavailable);
  answerHeld();
}

TEST_P(RpcLosses, AChannelEndsWhileItConnects) {
  serveNothing();
  PeerListener listener;
  listener.listen();
  for (int i = 0; i < 10; ++i) {
    makeChannelTo(listener.address());
    ProbeCall call;
    call.echo(channel());
    endChannel();
    EXPECT_EQ(call.outcome.take().error, Error::kClosed);
  }
}

TEST_P(RpcLosses, ACallMadeInDoneAsTheChannelEndsFails) {
  serveRpc();
  makeChannel();
  ProbeCall again;
  holdCalls(1);
  calls_[0]->onDone = [&] {
    again.echo(channel());
    throw std::runtime_error("nobody hears this");
  };
  // As an end with the unique_ptr's reset(), but so that the call still finds the channel.
  channel().~Channel();
  EXPECT_EQ(calls_[0]->runs, 1);
  EXPECT_EQ(again.runs, 1);
  EXPECT_EQ(again.outcome.take().error, Error::kClosed);
  new (&channel()) rpc::Channel(&loop(), address());
  answerHeld();
  expectWorks();
}

TEST_P(RpcLosses, AChannelEndsWithTheLoopThatDoesNotRun) {
  ProbeCall call;
  {
    EventLoop idle(GetParam().spec);
    auto channel = std::make_unique<rpc::Channel>(&idle, nowhere());
    call.echo(*channel);
    call.controller.StartCancel();
    channel.reset();
    EXPECT_EQ(call.runs, 1);
  }
  call.controller.StartCancel();
}

TERN_ON_EACH_POLLER(RpcLosses);

}  // namespace
}  // namespace tern::testing
