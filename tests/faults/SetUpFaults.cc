// SetUpFaults: whatever call fails while a loop, a server or a client is made: an error that says
// which, nothing leaked, and a second try that succeeds.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/net/UdpSocket.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <system_error>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

// What such a call fails with when the machine is short of something.
int shortageOf(Call call) {
  switch (call) {
    case Call::kSocket:
    case Call::kEventfd:
    case Call::kTimerfdCreate:
    case Call::kSignalfd:
    case Call::kEpollCreate:
    case Call::kUringSetUp:
      return EMFILE;
    case Call::kBind:
    case Call::kListen:
      return EADDRINUSE;
    case Call::kEpollCtl:
      return ENOSPC;
    default:
      return ENOMEM;
  }
}

// These do not fail for want of anything, and a set-up needs no more than that they are repeated.
bool isPartOfSetUp(Call call) {
  return call != Call::kEpollWait && call != Call::kPpoll && call != Call::kUringEnter &&
         call != Call::kUringBatch && call != Call::kUringCompletion && call != Call::kUringStale &&
         call != Call::kUringCancel && call != Call::kTimerfdSettime && call != Call::kShutdown;
}

class SetUpFaults : public OnEachPoller {
 protected:
  // Runs it with its first call failing, then its second, and so on, until none is left to fail.
  // Returns how many of them made it throw. It can do without what one of the calls opens.
  static int failEachIn(const std::function<void()>& setUp, Call dispensable = Call::kCount) {
    int thrown = 0;
    for (int place = 0; place < 1000; ++place) {
      const std::set<int> before = openDescriptors();
      int left = place;
      Call failed = Call::kCount;
      bool threw = false;
      {
        const Faults faults([&](const Asked& asked) {
          if (!isPartOfSetUp(asked.call) || left-- != 0) return Answer{};
          failed = asked.call;
          return Answer{.error = shortageOf(asked.call)};
        });
        try {
          setUp();
        } catch (const std::system_error& error) {
          threw = true;
          EXPECT_NE(error.code().value(), 0) << error.what();
          EXPECT_GT(std::string(error.what()).size(), error.code().message().size() + 2)
              << "what was tried is named";
        }
      }
      EXPECT_EQ(openDescriptors(), before) << nameOf(failed);
      if (failed == Call::kCount) {
        EXPECT_FALSE(threw);
        return thrown;
      }
      if (threw) ++thrown;
      const bool opens = shortageOf(failed) == EMFILE && failed != dispensable;
      EXPECT_TRUE(threw || !opens) << nameOf(failed) << " failed, and nobody said so";
    }
    ADD_FAILURE() << "there is always one more call";
    return thrown;
  }

  const LogCapture log_;
};

TEST_P(SetUpFaults, OfALoopAreThrownAndLeakNothing) {
  const auto make = [] { const EventLoop loop(GetParam().spec); };
  EXPECT_GT(failEachIn(make), 1);
}

TEST_P(SetUpFaults, OfAServerAreThrownAndLeakNothing) {
  EventLoop loop(GetParam().spec);
  for (const auto option : {TcpServer::Option::kNoReusePort, TcpServer::Option::kReusePort}) {
    const auto serve = [&] {
      {
        TcpServer server(&loop, SocketAddress(0, true), "test", option);
        server.start();
      }
      runTurns(loop, 3);  // the poller lets go of the listener
    };
    // The reserve is for the day when there are too few descriptors.
    EXPECT_GT(failEachIn(serve, Call::kEventfd), 2);
  }
}

TEST_P(SetUpFaults, OfAStartCanBeFollowedByAnother) {
  bool up = false;
  EventLoop loop(GetParam().spec);
  TcpServer server(&loop, SocketAddress(0, true), "test");
  server.setConnectionCallback([&](const TcpConnectionPtr&) { up = true; });
  {
    const Faults faults(
        only(Call::kListen, [](const Asked&) { return Answer{.error = EADDRINUSE}; }));
    EXPECT_THROW(server.start(), std::system_error);
  }
  server.start();
  const Peer peer(server.address());
  runUntil(loop, [&] { return up; });
}

TEST_P(SetUpFaults, OfADatagramSocketAreThrownAndLeakNothing) {
  EventLoop loop(GetParam().spec);
  EXPECT_GT(failEachIn([&] {
              {
                const UdpSocket socket(loop, SocketAddress(0, true));
              }
              runTurns(loop, 3);
            }),
            1);
}

TEST_P(SetUpFaults, OfASignalWatcherAreThrownAndLeakNothing) {
  EventLoop loop(GetParam().spec);
  EXPECT_GT(failEachIn([&] {
              {
                const SignalWatcher watcher(loop, {SIGUSR1}, [](int) {});
              }
              runTurns(loop, 3);
            }),
            0);
}
TERN_ON_EACH_POLLER(SetUpFaults);

}  // namespace
}  // namespace tern::testing
