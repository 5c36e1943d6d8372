// RpcEndings: calls that end before their reply comes: at their deadline, or cancelled. That each
// `done` runs exactly once is checked by ProbeCall.
#include <chrono>
#include <memory>
#include <vector>

#include "RpcFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using rpc::Error;

constexpr std::chrono::hours kLong{1};

class RpcEndings : public RpcFixture {};

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

TERN_ON_EACH_POLLER(RpcEndings);

}  // namespace
}  // namespace tern::testing
