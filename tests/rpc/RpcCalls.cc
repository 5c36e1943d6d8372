// RpcCalls: calls and their outcomes, many at a time, from many threads.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "RpcFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using rpc::Error;

class RpcCalls : public RpcFixture {};

TEST_P(RpcCalls, GetWhatTheMethodReplied) {
  serveRpc();
  ProbeCall call("hello");
  call.echo(makeChannel());
  const Outcome outcome = call.outcome.take();
  EXPECT_EQ(outcome.error, std::error_code());
  EXPECT_EQ(outcome.text, "hello");
  EXPECT_TRUE(outcome.onLoop);
  EXPECT_EQ(call.controller.ErrorText(), "");
  EXPECT_TRUE(channel().connected());
}

TEST_P(RpcCalls, AreAnsweredInAnyOrder) {
  serveRpc();
  makeChannel();
  std::vector<std::unique_ptr<ProbeCall>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(std::make_unique<ProbeCall>("call " + std::to_string(i)));
    calls.back()->act(channel());
  }
  std::vector<Held> held;
  for (int i = 0; i < 50; ++i) held.push_back(service.held.take());
  EXPECT_EQ(channel().inFlight(), 50U);
  expectWorks();
  runOnLoop([&] {
    for (auto call = held.rbegin(); call != held.rend(); ++call) call->answer();
  });
  for (int i = 0; i < 50; ++i) {
    const Outcome outcome = calls[static_cast<std::size_t>(i)]->outcome.take();
    EXPECT_EQ(outcome.error, std::error_code());
    EXPECT_EQ(outcome.text, "call " + std::to_string(i));
  }
  EXPECT_EQ(channel().inFlight(), 0U);
}

TEST_P(RpcCalls, AreMadeByManyThreadsAtOnce) {
  serveRpc();
  makeChannel();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(echo(std::to_string(t) + " " + std::to_string(i)), std::error_code());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(RpcCalls, AreAnsweredByManyThreadsAtOnce) {
  serveRpc();
  makeChannel();
  std::vector<std::unique_ptr<ProbeCall>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(std::make_unique<ProbeCall>(std::to_string(i)));
    calls.back()->act(channel());
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 50; ++i) service.held.take().answer();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& call : calls) {
    const Outcome outcome = call->outcome.take();
    EXPECT_EQ(outcome.error, std::error_code());
    EXPECT_EQ(outcome.text, call->request.text());
  }
}

TEST_P(RpcCalls, AreAnsweredByAnotherThreadWhileTheMethodHasNotReturned) {
  service.act = [](const Held& call) { std::thread([&] { call.answer(); }).join(); };
  serveRpc();
  makeChannel();
  for (int i = 0; i < 20; ++i) {
    ProbeCall call(std::to_string(i));
    call.act(channel());
    EXPECT_EQ(call.outcome.take().text, std::to_string(i));
  }
}

TEST_P(RpcCalls, MayBeMadeInDone) {
  serveRpc();
  makeChannel();
  ProbeCall call;
  Mailbox<bool> over;
  call.onDone = [&] {
    if (call.runs < 100) {
      call.echo(channel());
    } else {
      over.put(true);
    }
  };
  call.echo(channel());
  over.take();
  runOnLoop([] {});
  EXPECT_EQ(call.runs, 100);
}

TEST_P(RpcCalls, ThatWereMadeBeforeTheConnectionWaitForIt) {
  serveRpc();
  ProbeCall first("first");
  ProbeCall second("second");
  ProbeCall unwanted("unwanted");
  {
    const LoopHold hold(loop());
    first.echo(makeChannel());
    unwanted.act(channel());
    second.echo(channel());
    unwanted.controller.StartCancel();
    EXPECT_FALSE(channel().connected());
    EXPECT_EQ(channel().inFlight(), 2U);
  }
  EXPECT_EQ(first.outcome.take().text, "first");
  EXPECT_EQ(second.outcome.take().text, "second");
  EXPECT_EQ(unwanted.outcome.take().error, Error::kCancelled);
  EXPECT_EQ(service.held.total(), 0U);
}

TEST_P(RpcCalls, MayBeLarge) {
  serveRpc();
  makeChannel();
  EXPECT_EQ(echo(patternOf(GetParam().isTiny() ? 20'000 : 3'000'000)), std::error_code());
  for (const std::size_t length : {900U, 1000U, 1020U, 1100U}) {
    EXPECT_EQ(echo(patternOf(length)), std::error_code());
  }
}

TEST_P(RpcCalls, FailWhenTheyAreTooLargeAndHurtNoOther) {
  service.act = [](const Held& call) {
    call.reply->set_text(std::string(2000, 'x'));
    call.done->Run();
  };
  rpc::ServerOptions small;
  small.maxFrame = 1000;
  serveRpc(small);
  rpc::ChannelOptions options;
  options.maxFrame = 1000;
  makeChannel(options);
  EXPECT_EQ(echo(std::string(2000, 'x')), Error::kTooLarge);
  EXPECT_EQ(echo(std::string(900, 'x')), std::error_code());
  ProbeCall call;
  call.act(channel());
  EXPECT_EQ(call.outcome.take().error, Error::kTooLarge);
  expectWorks();
}

TEST_P(RpcCalls, OfServicesThatTheServerLacksFail) {
  serveRpc();
  makeChannel();
  rpc::Controller controller;
  Text request;
  Text reply;
  request.set_text("hello");
  Absent::Stub(&channel()).Echo(&controller, &request, &reply, nullptr);
  EXPECT_EQ(controller.errorCode(), Error::kUnknownMethod);
  EXPECT_EQ(controller.ErrorText(), "unknown method: tern.testing.Absent.Echo");
  expectWorks();
}

TEST_P(RpcCalls, FailWithWhatTheMethodThrows) {
  service.act = [](const Held& call) {
    if (call.request == "a number") throw 7;
    throw std::runtime_error("no " + call.request);
  };
  serveRpc();
  makeChannel();
  ProbeCall call("luck");
  call.act(channel());
  const Outcome outcome = call.outcome.take();
  EXPECT_EQ(outcome.error, Error::kServerFailure);
  EXPECT_EQ(outcome.text, "server failure: no luck");
  ProbeCall number("a number");
  number.act(channel());
  EXPECT_EQ(number.outcome.take().error, Error::kServerFailure);
  expectWorks();
}

TEST_P(RpcCalls, FailWithTheTextThatTheMethodSets) {
  service.act = [](const Held& call) {
    call.controller->SetFailed(std::string(5000, 'n'));
    call.done->Run();
  };
  serveRpc();
  makeChannel();
  ProbeCall call;
  call.act(channel());
  const Outcome outcome = call.outcome.take();
  EXPECT_EQ(outcome.error, Error::kServerFailure);
  EXPECT_EQ(outcome.text, "server failure: " + std::string(1024, 'n'));
  // A failure does not stick to what is used again.
  service.act = [](const Held& held) { held.answer(); };
  call.act(channel());
  EXPECT_EQ(call.outcome.take().error, std::error_code());
}

TEST_P(RpcCalls, FailWithoutRequiredFields) {
  service.act = [](const Held& call) { call.done->Run(); };
  serveRpc();
  makeChannel();
  ProbeCall asked;
  asked.request.Clear();
  asked.echo(channel());
  EXPECT_EQ(asked.outcome.take().error, Error::kBadRequest);
  ProbeCall answered;
  answered.act(channel());
  EXPECT_EQ(answered.outcome.take().error, Error::kServerFailure);
  expectWorks();
}

TEST_P(RpcCalls, BeyondTheChannelsBoundFailAtOnce) {
  serveRpc();
  rpc::ChannelOptions options;
  options.maxInFlight = 2;
  makeChannel(options);
  ProbeCall first;
  ProbeCall second;
  ProbeCall third;
  first.act(channel());
  second.act(channel());
  third.act(channel());
  EXPECT_EQ(third.outcome.take().error, Error::kTooManyInFlight);
  service.held.take().answer();
  service.held.take().answer();
  first.outcome.take();
  second.outcome.take();
  expectWorks();
}

TEST_P(RpcCalls, BeyondTheChannelsBytesFailAtOnce) {
  serveRpc();
  rpc::ChannelOptions options;
  options.maxInFlightBytes = 100;
  makeChannel(options);
  ProbeCall large(std::string(200, 'x'));
  large.act(channel());
  ProbeCall small("x");
  small.echo(channel());
  EXPECT_EQ(small.outcome.take().error, Error::kTooManyInFlight);
  service.held.take().answer();
  EXPECT_EQ(large.outcome.take().error, std::error_code());
  expectWorks();
}

TEST_P(RpcCalls, BeyondTheServersBoundFail) {
  rpc::ServerOptions few;
  few.maxInFlight = 2;
  serveRpc(few);
  makeChannel();
  ProbeCall first;
  ProbeCall second;
  ProbeCall third;
  first.act(channel());
  second.act(channel());
  third.act(channel());
  EXPECT_EQ(third.outcome.take().error, Error::kTooManyInFlight);
  service.held.take().answer();
  service.held.take().answer();
  first.outcome.take();
  second.outcome.take();
  expectWorks();
}

TEST_P(RpcCalls, GoOnWhenDoneThrows) {
  serveRpc();
  makeChannel();
  ProbeCall throws;
  throws.onDone = [] { throw std::runtime_error("out of done"); };
  ProbeCall next("next");
  {
    const LoopHold hold(loop());
    throws.echo(channel());
    next.echo(channel());
  }
  EXPECT_EQ(loopThread().escaped().take(), "out of done");
  EXPECT_EQ(next.outcome.take().text, "next");
}

TEST_P(RpcCalls, GoOnWhenDoneThrowsAsManyFail) {
  serveRpc();
  rpc::ChannelOptions options;
  options.maxInFlight = 0;
  makeChannel(options);
  ProbeCall throws;
  throws.onDone = [] { throw std::runtime_error("out of done"); };
  ProbeCall next;
  {
    const LoopHold hold(loop());
    throws.echo(channel());
    next.echo(channel());
  }
  EXPECT_EQ(loopThread().escaped().take(), "out of done");
  EXPECT_EQ(next.outcome.take().error, Error::kTooManyInFlight);
}

TEST_P(RpcCalls, AreServedByAllLoops) {
  serveRpc({}, 3);
  std::vector<std::unique_ptr<rpc::Channel>> channels;
  std::vector<std::unique_ptr<ProbeCall>> calls;
  for (int i = 0; i < 6; ++i) {
    channels.push_back(std::make_unique<rpc::Channel>(&loop(), address()));
    for (int k = 0; k < 20; ++k) {
      calls.push_back(std::make_unique<ProbeCall>(std::to_string(i * 100 + k)));
      if (k % 4 == 0) {
        calls.back()->act(*channels.back());
      } else {
        calls.back()->echo(*channels.back());
      }
    }
  }
  for (int i = 0; i < 30; ++i) service.held.take().answer();
  for (const auto& call : calls) EXPECT_EQ(call->outcome.take().text, call->request.text());
  std::vector<EventLoop*> loops;
  for (int i = 0; i < 6; ++i) loops.push_back(rpcUps.take()->getLoop());
  std::sort(loops.begin(), loops.end());
  EXPECT_EQ(std::unique(loops.begin(), loops.end()) - loops.begin(), 3);
}

class RpcCallsDeathTest : public OnEachPoller {};

TEST_P(RpcCallsDeathTest, ThatWaitOnTheLoopsThreadAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        EventLoop loop;
        rpc::Channel channel(&loop, SocketAddress(1, true));
        rpc::Controller controller;
        Text text;
        text.set_text("x");
        Probe::Stub(&channel).Echo(&controller, &text, &text, nullptr);
      },
      "a call of tern.testing.Probe.Echo waits on the loop's thread");
}

TERN_ON_EACH_POLLER(RpcCalls);
INSTANTIATE_TEST_SUITE_P(Once, RpcCallsDeathTest, ::testing::Values(everyPoller().front()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tern::testing
