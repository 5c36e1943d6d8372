// Seam: the calls that the library makes go through it. A call that goes by would be tested by
// nothing that stands on it.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <optional>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

class Seam : public OnEachPoller {};

TEST_P(Seam, SeesWhatTheLibraryAsksOfTheKernel) {
  const Faults faults([](const Asked&) { return Answer{}; });
  bool down = false;
  {
    EventLoop loop(GetParam().spec);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    server.setConnectionCallback(
        [&](const TcpConnectionPtr& connection) { down = !connection->connected(); });
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
    server.start();
    loop.runAfter(std::chrono::milliseconds(1), [] {});
    std::optional<Peer> peer;
    {
      const FaultsOff off;
      peer.emplace(server.address());
      peer->sendAll("hello");
      peer->shutdownWrite();
    }
    runUntil(loop, [&] { return down; });
    const FaultsOff off;
    EXPECT_EQ(peer->receiveUntilEof(), "hello");
  }
  std::vector<Call> expected{Call::kSocket,      Call::kBind,          Call::kListen,
                             Call::kEventfd,     Call::kTimerfdCreate, Call::kTimerfdSettime,
                             Call::kGetpeername, Call::kGetsockname,   Call::kFcntl,
                             Call::kSetsockopt};
  const std::string& name = GetParam().name;
  const bool completes = name == "io_uring" || name == "io_uring_tiny";
  if (completes) {
    for (const Call call : {Call::kUringAccept, Call::kUringReceive, Call::kUringSend,
                            Call::kUringCompletion, Call::kMmap}) {
      expected.push_back(call);
    }
  } else {
    for (const Call call : {Call::kAccept, Call::kRecv, Call::kSend}) expected.push_back(call);
  }
  if (GetParam().isUring()) {
    for (const Call call : {Call::kUringSetUp, Call::kUringEnter, Call::kUringPoll}) {
      expected.push_back(call);
    }
  }
  if (name == "poll") expected.push_back(Call::kPpoll);
  if (name == "epoll") {
    for (const Call call : {Call::kEpollCreate, Call::kEpollCtl, Call::kEpollWait}) {
      expected.push_back(call);
    }
  }
  for (const Call call : expected) EXPECT_GT(faults.asked(call), 0U) << nameOf(call);
  EXPECT_EQ(faults.injected(), 0U);
}
TERN_ON_EACH_POLLER(Seam);

}  // namespace
}  // namespace tern::testing
