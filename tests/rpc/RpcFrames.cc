// RpcFrames: peers that speak the protocol badly, slowly, or not at all.
#include <functional>
#include <string>
#include <vector>

#include "RpcFixture.h"
#include "support/LogCapture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;
using rpc::decodeFrame;
using rpc::encodeFrame;
using rpc::Error;
using rpc::Frame;
using rpc::FrameType;

std::string serialized(const std::string& text) {
  Text message;
  message.set_text(text);
  return message.SerializeAsString();
}

Frame request(std::uint64_t call, std::string_view payload,
              std::string_view method = "tern.testing.Probe.Echo", std::uint32_t timeout = 0) {
  return {FrameType::kRequest, {}, call, timeout, method, payload};
}

constexpr std::string_view kAct = "tern.testing.Probe.Act";

class RpcFrames : public RpcFixture {
 protected:
  // --- a test that is a client ---

  static void expectFrame(Peer& peer, const Frame& expected) {
    const std::string bytes = receiveFrame(peer);
    const auto frame = decodeFrame(bytes);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->type, expected.type);
    EXPECT_EQ(frame->error, expected.error);
    EXPECT_EQ(frame->call, expected.call);
    EXPECT_EQ(frame->payload, expected.payload);
  }
  static void expectReply(Peer& peer, std::uint64_t call, const std::string& text) {
    expectFrame(peer, {FrameType::kReply, {}, call, 0, {}, serialized(text)});
  }
  void expectServed(Peer& peer) {
    peer.sendAll(onWire(request(77, serialized("served"))));
    expectReply(peer, 77, "served");
  }
  // The server hears nothing more of who sends this, and serves others.
  void expectServerBreaksOff(const std::string& bytes, const std::string& what) {
    SCOPED_TRACE(what);
    const LogCapture logged;
    Peer bad(address());
    expectServed(bad);
    bad.sendAll(bytes + onWire(request(5, serialized("behind it"))));
    expectFrame(
        bad,
        {FrameType::kFailure, Error::kBadFrame, 0, 0, {}, "the client sent what is no request"});
    EXPECT_EQ(bad.receiveUntilEnd().bytes, "");
    EXPECT_EQ(logged.count("no request; closed"), 1U);
    Peer good(address());
    expectServed(good);
  }

  // --- a test that is a server ---

  void expectChannelBreaksOff(const std::string& bytes, const std::string& what,
                              Error error = Error::kBadFrame) {
    SCOPED_TRACE(what);
    rpc::ChannelOptions options;
    options.retry = RetryPolicy{1ms, 1ms};
    makeChannelTo(listener_.address(), options);
    ProbeCall first;
    ProbeCall second;
    first.echo(channel());
    second.echo(channel());
    Peer server = listener_.accept();
    receiveFrame(server);
    receiveFrame(server);
    server.sendAll(bytes);
    EXPECT_EQ(first.outcome.take().error, error);
    EXPECT_EQ(second.outcome.take().error, error);
    EXPECT_EQ(server.receiveUntilEnd().bytes, "");
    // It goes on, with another connection.
    ProbeCall third;
    third.echo(channel());
    Peer again = listener_.accept();
    answer(again);
    EXPECT_EQ(third.outcome.take().error, std::error_code());
    endChannel();
  }
  // Answers the next request with itself.
  static void answer(Peer& server) {
    const std::string bytes = receiveFrame(server);
    const auto frame = decodeFrame(bytes);
    ASSERT_TRUE(frame);
    server.sendAll(onWire({FrameType::kReply, {}, frame->call, 0, {}, frame->payload}));
  }
  // Lets a call be answered by `make`, and says how it ended.
  Outcome answered(const std::function<std::string(std::uint64_t call)>& make) {
    makeChannelTo(listener_.address());
    ProbeCall call;
    call.echo(channel());
    Peer server = listener_.accept();
    const std::string bytes = receiveFrame(server);
    server.sendAll(make(decodeFrame(bytes)->call));
    const Outcome outcome = call.outcome.take();
    // The connection is as good as before.
    ProbeCall next("next");
    next.echo(channel());
    answer(server);
    EXPECT_EQ(next.outcome.take().text, "next");
    endChannel();
    return outcome;
  }

  PeerListener listener_;
  Mailbox<bool> started_;
};

// --- the server ---

TEST_P(RpcFrames, OfAnyKindThatIsNoneEndTheClientsConnection) {
  serveRpc();
  const std::string good = encodeFrame(request(1, serialized("hello")));
  std::string turned = good;
  turned.back() = static_cast<char>(turned.back() ^ 1);
  expectServerBreaksOff(withLength(turned), "a bad checksum");
  expectServerBreaksOff(withLength(good.substr(0, 19)), "a header cut off");
  expectServerBreaksOff(withLength(""), "a length of 0");
  expectServerBreaksOff(std::string("\0\x40\0\1", 4), "a length one above the bound");
  expectServerBreaksOff("\xFF\xFF\xFF\xFF", "the greatest length");
  expectServerBreaksOff("GET / HTTP/1.1\r\n\r\n", "another protocol");
  expectServerBreaksOff(onWire({FrameType::kReply, {}, 1, 0, {}, {}}), "a reply");
  expectServerBreaksOff(onWire({FrameType::kFailure, Error::kCancelled, 1, 0, {}, {}}),
                        "a failure");
  expectServerBreaksOff(onWire(request(0, {})), "call 0");
  expectServerBreaksOff(onWire(request(1, {}, {})), "no method");
}

TEST_P(RpcFrames, WithTheNumberOfACallThatRunsEndTheConnection) {
  serveRpc();
  Peer peer(address());
  peer.sendAll(onWire(request(9, serialized("x"), kAct)) +
               onWire(request(9, serialized("y"), kAct)));
  expectFrame(
      peer,
      {FrameType::kFailure, Error::kBadFrame, 0, 0, {}, "the client sent what is no request"});
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
  peer.close();
  rpcDowns.take();
  service.held.take().answer();
  EXPECT_EQ(service.held.total(), 1U);
}

TEST_P(RpcFrames, MayUseANumberAgainOnceItsCallHasEnded) {
  serveRpc();
  Peer peer(address());
  for (int i = 0; i < 20; ++i) {
    peer.sendAll(onWire(request(9, serialized(std::to_string(i)), kAct)));
    service.held.take().answer();
    expectReply(peer, 9, std::to_string(i));
  }
}

TEST_P(RpcFrames, ThatCancelWhatDoesNotRunAreIgnored) {
  serveRpc();
  Peer peer(address());
  peer.sendAll(onWire({FrameType::kCancel, {}, 123, 0, {}, {}}));
  expectServed(peer);
  peer.sendAll(onWire({FrameType::kCancel, {}, 77, 0, {}, {}}));
  expectServed(peer);
}

TEST_P(RpcFrames, MayComeByteByByte) {
  serveRpc();
  Peer peer(address());
  for (const char byte : onWire(request(1, serialized("slow")))) {
    peer.sendAll({&byte, 1});
    runOnLoop([] {});
  }
  expectReply(peer, 1, "slow");
}

TEST_P(RpcFrames, OfUnknownMethodsFailAndLeaveTheConnection) {
  serveRpc();
  Peer peer(address());
  for (const std::string& method :
       {std::string("tern.testing.Probe"), std::string("tern.testing.Probe.Ech"),
        std::string("Echo"), std::string("."), std::string(1, '\0'), std::string(1000, 'm')}) {
    peer.sendAll(onWire(request(1, {}, method)));
    expectFrame(peer, {FrameType::kFailure, Error::kUnknownMethod, 1, 0, {}, method});
  }
  expectServed(peer);
}

TEST_P(RpcFrames, WhosePayloadIsNoMessageFailAndLeaveTheConnection) {
  serveRpc();
  Peer peer(address());
  for (const std::string& payload :
       {std::string(), std::string("\x0A\x7Fshort"), std::string(50, '\xFF')}) {
    peer.sendAll(onWire(request(1, payload)));
    expectFrame(peer, {FrameType::kFailure, Error::kBadRequest, 1, 0, {}, "tern.testing.Text"});
  }
  expectServed(peer);
}

TEST_P(RpcFrames, WhoseDeadlineHasPassedAreNotStarted) {
  service.act = [&](const Held& call) {
    started_.put(true);
    // Longer than the next request may take.
    const Timestamp until = Clock::now() + 3ms;
    while (Clock::now() < until) {
    }
    call.answer();
  };
  serveRpc();
  Peer peer(address());
  rpcUps.take();
  {
    const LoopHold hold(loop());
    peer.sendAll(onWire(request(1, serialized("long"), kAct)) +
                 onWire(request(2, serialized("brief"), kAct, 1)));
  }
  expectReply(peer, 1, "long");
  if (GetParam().isTiny()) {
    // It came in pieces, the last of them perhaps after the first method's end.
    receiveFrame(peer);
    return;
  }
  expectFrame(peer, {FrameType::kFailure, Error::kDeadlineExceeded, 2, 0, {}, "not started"});
  EXPECT_EQ(started_.total(), 1U);
}

TEST_P(RpcFrames, WhoseRepliesAreNotReadHoldUpThoseBehindThem) {
  constexpr std::size_t kReply = 100'000;
  constexpr int kRequests = 300;
  std::size_t most = 0;
  TcpConnectionPtr connection;
  service.act = [&](const Held& call) {
    if (connection == nullptr) connection = rpcUps.take();
    most = std::max(most, connection->outputBytes());
    call.reply->set_text(std::string(kReply, 'r'));
    call.done->Run();
    started_.put(true);
  };
  rpc::ServerOptions options;
  options.highWaterMark = 1'000'000;
  serveRpc(options);
  Peer peer(address(), 64 * 1024);
  std::string requests;
  for (int i = 1; i <= kRequests; ++i) {
    requests += onWire(request(static_cast<std::uint64_t>(i), serialized("x"), kAct));
  }
  peer.sendAll(requests);
  started_.awaitTotal(10);
  for (int i = 1; i <= kRequests; ++i) {
    expectReply(peer, static_cast<std::uint64_t>(i), std::string(kReply, 'r'));
  }
  runOnLoop([&] { connection.reset(); });
  EXPECT_LT(most, options.highWaterMark + 2 * kReply);
}

// --- the channel ---

TEST_P(RpcFrames, OfAnyKindThatIsNoneEndTheChannelsConnection) {
  serveNothing();
  listener_.listen();
  const std::string good = encodeFrame({FrameType::kReply, {}, 1, 0, {}, serialized("hello")});
  std::string turned = good;
  turned.back() = static_cast<char>(turned.back() ^ 1);
  expectChannelBreaksOff(withLength(turned), "a bad checksum");
  expectChannelBreaksOff(withLength(good.substr(0, 19)), "a header cut off");
  expectChannelBreaksOff(withLength(""), "a length of 0");
  expectChannelBreaksOff(std::string("\0\x40\0\1", 4), "a length one above the bound");
  expectChannelBreaksOff("HTTP/1.1 400 Bad Request\r\n\r\n", "another protocol");
  expectChannelBreaksOff(onWire(request(1, {})), "a request");
  expectChannelBreaksOff(onWire({FrameType::kCancel, {}, 1, 0, {}, {}}), "a cancel");
  expectChannelBreaksOff(onWire({FrameType::kFailure, Error::kTooManyInFlight, 0, 0, {}, "busy"}),
                         "the server says so", Error::kTooManyInFlight);
}

TEST_P(RpcFrames, ForCallsThatTheClientDoesNotKnowAreDropped) {
  serveNothing();
  listener_.listen();
  const Outcome outcome = answered([](std::uint64_t call) {
    std::string bytes;
    for (const std::uint64_t other :
         {call + 1, call + 1000, call + (std::uint64_t{1} << 32U), ~std::uint64_t{0}}) {
      bytes += onWire({FrameType::kReply, {}, other, 0, {}, serialized("not yours")});
      bytes += onWire({FrameType::kFailure, Error::kCancelled, other, 0, {}, {}});
    }
    const std::string good = onWire({FrameType::kReply, {}, call, 0, {}, serialized("yours")});
    return bytes + good + good;
  });
  EXPECT_EQ(outcome.text, "yours");
}

TEST_P(RpcFrames, WhosePayloadIsNoMessageFailTheCallAlone) {
  serveNothing();
  listener_.listen();
  const Outcome outcome = answered(
      [](std::uint64_t call) { return onWire({FrameType::kReply, {}, call, 0, {}, "\xFF\xFF"}); });
  EXPECT_EQ(outcome.error, Error::kBadReply);
}

TEST_P(RpcFrames, OfFailuresFailTheCallAlone) {
  serveNothing();
  listener_.listen();
  for (const Error error : {Error::kDeadlineExceeded, Error::kBadFrame, Error::kServerFailure}) {
    const Outcome outcome = answered([&](std::uint64_t call) {
      return onWire({FrameType::kFailure, error, call, 0, {}, "for a reason"});
    });
    EXPECT_EQ(outcome.error, error);
    EXPECT_EQ(outcome.text, make_error_code(error).message() + ": for a reason");
  }
}

TEST_P(RpcFrames, ThatWaitedForAConnectionTellWhatTimeIsLeft) {
  serveNothing();
  ProbeCall call;
  call.controller.setTimeout(std::chrono::hours(1));
  listener_.listen();
  {
    const LoopHold hold(loop());
    call.echo(makeChannelTo(listener_.address()));
  }
  Peer server = listener_.accept();
  const std::string bytes = receiveFrame(server);
  const auto frame = decodeFrame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->method, "tern.testing.Probe.Echo");
  EXPECT_GT(frame->timeout, 3'000'000U);
  EXPECT_LE(frame->timeout, 3'600'000U);
  server.sendAll(onWire({FrameType::kReply, {}, frame->call, 0, {}, frame->payload}));
  call.outcome.take();
}

TEST_P(RpcFrames, OfCancelledCallsAreFollowedByACancel) {
  serveNothing();
  listener_.listen();
  makeChannelTo(listener_.address());
  ProbeCall call;
  call.echo(channel());
  Peer server = listener_.accept();
  const std::string asked = receiveFrame(server);
  call.controller.StartCancel();
  const std::string cancelled = receiveFrame(server);
  ASSERT_TRUE(decodeFrame(cancelled));
  EXPECT_EQ(decodeFrame(cancelled)->type, FrameType::kCancel);
  EXPECT_EQ(decodeFrame(cancelled)->call, decodeFrame(asked)->call);
  call.outcome.take();
}

TERN_ON_EACH_POLLER(RpcFrames);

}  // namespace
}  // namespace tern::testing
