// CloseOnExec: no descriptor leaks into a program that the process starts: a socket held there
// would keep its peer from ever seeing the end of the connection.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"

namespace tern::testing {
namespace {

class CloseOnExec : public OnEachPoller {};

TEST_P(CloseOnExec, IsSetOnAllThatServersAndTheirLoopsOpen) {
  const std::set<int> before = openDescriptors();
  EventLoop loop(GetParam().spec);
  loop.runAfter(std::chrono::hours(1), [] {});
  const SignalWatcher watcher(loop, {SIGUSR1}, [](int) {});
  TcpServer one(&loop, SocketAddress(0, true), "one");
  one.setThreadNum(2);
  one.start();
  TcpServer many(&loop, SocketAddress(0, true), "many", TcpServer::Option::kReusePort);
  many.setThreadNum(2);
  many.start();
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<Peer>(one.address()));
    peers.push_back(std::make_unique<Peer>(many.address()));
  }
  runUntil(loop, [&] { return one.connectionCount() == 4 && many.connectionCount() == 4; });

  std::map<std::string, int> kinds;
  for (const int fd : openDescriptors()) {
    if (before.contains(fd)) continue;
    const std::string target = targetOf(fd);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
    ++kinds[target.starts_with("socket:") ? "socket" : target];
  }
  // All were looked at: five loops, three listeners with their reserves, both ends of each
  // connection.
  EXPECT_EQ(kinds["anon_inode:[eventfd]"], 5 + 3);
  EXPECT_EQ(kinds["anon_inode:[timerfd]"], 5);
  EXPECT_EQ(kinds["anon_inode:[signalfd]"], 1);
  EXPECT_EQ(kinds["socket"], 3 + 16);
}

TERN_ON_EACH_POLLER(CloseOnExec);

}  // namespace
}  // namespace tern::testing
