// RpcEndings: calls that end otherwise than by a reply: late, cancelled, without a connection, with
// their channel. That each `done` runs exactly once is checked by ProbeCall.
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "RpcFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using rpc::Error;

constexpr std::chrono::hours kLong{1};

class RpcEndings : public RpcFixture {
 protected:
  // Calls that the server has, and does not answer.
  void holdCalls(int count) {
    for (int i = 0; i < count; ++i) {
      calls_.push_back(std::make_unique<ProbeCall>());
      calls_.back()->controller.setTimeout(kForever);
      calls_.back()->act(channel());
    }
    service.held.awaitTotal(static_cast<std::size_t>(count));
  }
  void expectAll(Error error) {
    for (const auto& call : calls_) {
      const Outcome outcome = call->outcome.take();
      EXPECT_EQ(outcome.error, error);
      EXPECT_TRUE(outcome.onLoop);
    }
  }
  void answerHeld() {
    while (service.held.size() > 0) service.held.take().answer();
  }
  // Bound, and not listening: connections are refused.
  [[nodiscard]] const SocketAddress& nowhere() const { return deaf_.address(); }

  PeerListener deaf_;
  std::vector<std::unique_ptr<ProbeCall>> calls_;
};

// --- deadlines ---

TEST_P(RpcEndings, ACallFailsAtItsDeadlineAndItsLateReplyIsDropped) {
  serveRpc();
  makeChannel();
  ProbeCall call;
  call.controller.setTimeout(5ms);
  call.act(channel());
  EXPECT_EQ(call.outcome.take().error, Error::kDeadlineExceeded);
  EXPECT_EQ(channel().inFlight(), 0U);
  const Held late = service.held.take();
  late.reply->set_text("late");
  late.done->Run();
  // Behind the late reply.
  expectWorks();
  EXPECT_EQ(call.runs, 1);
}

TEST_P(RpcEndings, DeadlinesAreKeptInWhateverOrderTheyAreMade) {
  serveRpc();
  makeChannel();
  std::vector<std::unique_ptr<ProbeCall>> calls;
  std::vector<int> order;
  for (const int ms : {40, 20, 60, 1, 30}) {
    calls.push_back(std::make_unique<ProbeCall>());
    calls.back()->controller.setTimeout(std::chrono::milliseconds(ms));
    calls.back()->onDone = [&order, ms] { order.push_back(ms); };
  }
  runOnLoop([&] {
    for (const auto& call : calls) call->act(channel());
  });
  for (const auto& call : calls) {
    EXPECT_EQ(call->outcome.take().error, Error::kDeadlineExceeded);
  }
  EXPECT_EQ(order, (std::vector{1, 20, 30, 40, 60}));
}

TEST_P(RpcEndings, ADeadlineBehindManyThatWereMetIsKept) {
  serveRpc();
  makeChannel();
  ProbeCall late;
  late.controller.setTimeout(100ms);
  late.act(channel());
  ProbeCall call;
  Mailbox<bool> over;
  call.controller.setTimeout(50ms);
  call.onDone = [&] {
    if (call.runs < 500 && !call.controller.Failed()) {
      call.controller.setTimeout(kLong);
      call.echo(channel());
    } else {
      over.put(!call.controller.Failed());
    }
  };
  call.echo(channel());
  EXPECT_TRUE(over.take());
  EXPECT_EQ(late.outcome.take().error, Error::kDeadlineExceeded);
  runOnLoop([] {});
}

TEST_P(RpcEndings, ATimeoutOfZeroFailsAtOnce) {
  serveRpc();
  makeChannel();
  for (const Duration timeout : {Duration::zero(), Duration(-1), Duration::min()}) {
    ProbeCall call;
    call.controller.setTimeout(timeout);
    call.act(channel());
    EXPECT_EQ(call.outcome.take().error, Error::kDeadlineExceeded);
  }
  expectWorks();
  EXPECT_EQ(service.held.total(), 0U);
}

TEST_P(RpcEndings, TheChannelsTimeoutIsForCallsWithoutTheirOwn) {
  serveRpc();
  rpc::ChannelOptions options;
  options.timeout = 5ms;
  makeChannel(options);
  ProbeCall call;
  call.act(channel());
  EXPECT_EQ(call.outcome.take().error, Error::kDeadlineExceeded);
  expectWorks();
}

TEST_P(RpcEndings, TheServerLearnsOfDeadlines) {
  serveRpc();
  makeChannel();
  ProbeCall with;
  ProbeCall without;
  with.controller.setTimeout(kLong);
  without.controller.setTimeout(kForever);
  with.act(channel());
  const Held first = service.held.take();
  without.act(channel());
  const Held second = service.held.take();
  const auto deadlineOf = [](const Held& call) {
    return dynamic_cast<rpc::ServerController&>(*call.controller).deadline();
  };
  EXPECT_GT(deadlineOf(first), Clock::now());
  EXPECT_LT(deadlineOf(first), Clock::now() + kLong + kLong);
  EXPECT_EQ(deadlineOf(second), Timestamp::max());
  first.answer();
  second.answer();
  with.outcome.take();
  without.outcome.take();
}

void cancelledAt(Mailbox<bool>* told) { told->put(true); }

TEST_P(RpcEndings, AMethodIsToldWhenTheDeadlineHasPassed) {
  Mailbox<bool> told;
  service.act = [&](const Held& call) {
    call.controller->NotifyOnCancel(google::protobuf::NewCallback(&cancelledAt, &told));
    service.held.put(call);
  };
  serveRpc();
  ProbeCall call;
  call.controller.setTimeout(50ms);
  call.act(makeChannel());
  const Held held = service.held.take();
  told.take();
  EXPECT_TRUE(held.controller->IsCanceled());
  held.answer();
  EXPECT_EQ(call.outcome.take().error, Error::kDeadlineExceeded);
  EXPECT_EQ(told.total(), 1U);
}

// --- cancellation ---

TEST_P(RpcEndings, ACancelledCallEndsAndItsMethodIsTold) {
  Mailbox<bool> told;
  service.act = [&](const Held& call) {
    call.controller->NotifyOnCancel(google::protobuf::NewCallback(&cancelledAt, &told));
    EXPECT_FALSE(call.controller->IsCanceled());
    service.held.put(call);
  };
  serveRpc();
  ProbeCall call;
  call.act(makeChannel());
  const Held held = service.held.take();
  call.controller.StartCancel();
  const Outcome outcome = call.outcome.take();
  EXPECT_EQ(outcome.error, Error::kCancelled);
  EXPECT_TRUE(outcome.onLoop);
  EXPECT_TRUE(call.controller.IsCanceled());
  told.take();
  EXPECT_TRUE(held.controller->IsCanceled());
  // Later than the cancellation: told at once, and so never again.
  held.controller->NotifyOnCancel(google::protobuf::NewCallback(&cancelledAt, &told));
  EXPECT_EQ(told.total(), 2U);
  held.answer();
  expectWorks();
  EXPECT_EQ(told.total(), 2U);
}

TEST_P(RpcEndings, AMethodThatIsNotCancelledIsToldWhenItIsOver) {
  Mailbox<bool> told;
  service.act = [&](const Held& call) {
    call.controller->NotifyOnCancel(google::protobuf::NewCallback(&cancelledAt, &told));
    if (call.request == "now") {
      call.answer();
    } else {
      service.held.put(call);
    }
  };
  serveRpc();
  ProbeCall now("now");
  now.act(makeChannel());
  now.outcome.take();
  told.awaitTotal(1);
  ProbeCall later("later");
  later.act(channel());
  const Held held = service.held.take();
  EXPECT_EQ(told.total(), 1U);
  held.answer();
  later.outcome.take();
  told.awaitTotal(2);
}

TEST_P(RpcEndings, ACancellationOnTheLoopDoesNotRunDoneInside) {
  serveRpc();
  makeChannel();
  holdCalls(1);
  runOnLoop([&] {
    calls_[0]->controller.StartCancel();
    calls_[0]->controller.StartCancel();
    EXPECT_EQ(calls_[0]->runs, 0);
  });
  expectAll(Error::kCancelled);
  calls_[0]->controller.StartCancel();
  answerHeld();
  expectWorks();
}

TEST_P(RpcEndings, ACancellationBeforeTheCallHoldsUntilReset) {
  serveRpc();
  makeChannel();
  ProbeCall call;
  call.controller.StartCancel();
  call.echo(channel());
  EXPECT_EQ(call.outcome.take().error, Error::kCancelled);
  call.controller.Reset();
  EXPECT_FALSE(call.controller.Failed());
  call.echo(channel());
  EXPECT_EQ(call.outcome.take().error, std::error_code());
}

TEST_P(RpcEndings, CancellationsRaceWithRepliesWithoutHarm) {
  serveRpc();
  makeChannel();
  for (int i = 0; i < 50; ++i) {
    ProbeCall call;
    call.echo(channel());
    call.controller.StartCancel();
    const Outcome outcome = call.outcome.take();
    EXPECT_TRUE(!outcome.error || outcome.error == Error::kCancelled);
  }
  expectWorks();
}

// --- connections ---

TEST_P(RpcEndings, ALostConnectionFailsItsCallsAndTheNextOneServesFurtherOnes) {
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

TEST_P(RpcEndings, ALostConnectionCancelsWhatRuns) {
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

TEST_P(RpcEndings, AResetFailsItsCalls) {
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

TEST_P(RpcEndings, CallsFailWhenNobodyListens) {
  serveNothing();
  rpc::ChannelOptions options;
  options.retry = RetryPolicy{1ms, 1ms};
  makeChannelTo(nowhere(), options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(echo(), Error::kUnavailable);
  options.retry.reset();
  makeChannelTo(nowhere(), options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(echo(), Error::kUnavailable);
}

TEST_P(RpcEndings, ACallThatWaitsForAConnectionFailsAtItsDeadline) {
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

TEST_P(RpcEndings, AServerThatStopsFailsTheCallsAndTheirRepliesGoNowhere) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  runOnLoop([&] { server().stop(kPatience); });
  expectAll(Error::kUnavailable);
  stopServer();
  answerHeld();
}

TEST_P(RpcEndings, AMethodMayEndTheServer) {
  serveRpc();
  service.act = [&](const Held& call) {
    stopServer();
    call.answer();
  };
  ProbeCall call;
  call.act(makeChannel());
  EXPECT_EQ(call.outcome.take().error, Error::kUnavailable);
}

TEST_P(RpcEndings, CallsMayEndWhenServerAndLoopAreGone) {
  serveRpc({}, 2);
  makeChannel();
  holdCalls(5);
  endChannel();
  expectAll(Error::kClosed);
  stop();
  answerHeld();
}

// --- channels ---

TEST_P(RpcEndings, AChannelEndsOnAnotherThread) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  endChannel();
  for (const auto& call : calls_) EXPECT_EQ(call->runs, 1);
  expectAll(Error::kClosed);
  answerHeld();
}

TEST_P(RpcEndings, AChannelEndsOnItsLoop) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  runOnLoop([&] {
    endChannel();
    for (const auto& call : calls_) EXPECT_EQ(call->runs, 1);
  });
  answerHeld();
}

TEST_P(RpcEndings, AChannelEndsInDone) {
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

TEST_P(RpcEndings, AChannelEndsInDoneOfACallThatFailed) {
  serveRpc();
  makeChannel();
  holdCalls(5);
  calls_[0]->onDone = [&] { endChannel(); };
  rpcUps.take()->forceClose();
  expectAll(Error::kUnavailable);
  answerHeld();
}

TEST_P(RpcEndings, AChannelEndsWhileItConnects) {
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

TEST_P(RpcEndings, ACallMadeInDoneAsTheChannelEndsFails) {
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

TEST_P(RpcEndings, AChannelEndsWithTheLoopThatDoesNotRun) {
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

TERN_ON_EACH_POLLER(RpcEndings);

}  // namespace
}  // namespace tern::testing
