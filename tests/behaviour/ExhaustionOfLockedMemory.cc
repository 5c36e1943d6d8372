// ExhaustionOfLockedMemory: a program that is refused a ring, or another one, says so and runs on.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/LoopRun.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

// While it lives, the process may lock no memory, and the calling thread and those that it starts
// have no privilege to do so all the same.
class NoLockedMemory {
 public:
  NoLockedMemory() {
    ::getrlimit(RLIMIT_MEMLOCK, &before_);
    const rlimit none{0, before_.rlim_max};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) {
      throw std::system_error(errno, std::system_category(), "setrlimit");
    }
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    ::syscall(SYS_capget, &header, data.data());
    data[0].effective &= ~(1U << CAP_IPC_LOCK);
    if (::syscall(SYS_capset, &header, data.data()) != 0) {
      throw std::system_error(errno, std::system_category(), "capset");
    }
  }
  NoLockedMemory(const NoLockedMemory&) = delete;
  NoLockedMemory& operator=(const NoLockedMemory&) = delete;
  ~NoLockedMemory() { ::setrlimit(RLIMIT_MEMLOCK, &before_); }

 private:
  rlimit before_{};
};

class ExhaustionOfLockedMemory : public ServerFixture {
 protected:
  void expectServed() {
    Peer peer(address());
    peer.sendAll("ping");
    EXPECT_EQ(peer.receiveExactly(4), "ping");
  }
};

// Kernels before 5.12 count a ring's memory as locked, and refuse; newer ones do not.
TEST_P(ExhaustionOfLockedMemory, RefusesALoopInWordsOrNotAtAll) {
  std::thread([this] {
    const NoLockedMemory none;
    try {
      serveEcho();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::not_enough_memory);
      EXPECT_NE(std::string(error.what()).find("ulimit -l"), std::string::npos) << error.what();
      return;
    }
    expectServed();
  }).join();
}

TEST_P(ExhaustionOfLockedMemory, RefusesAnotherLoopAndLeavesTheOthers) {
  serveEcho();
  expectServed();
  for (const Call call : {Call::kUringSetUp, Call::kUringBuffers}) {
    const bool byReadiness = GetParam().name == "io_uring_readiness";
    if (call == Call::kUringBuffers && byReadiness) continue;  // it has none
    const Faults faults(only(call, [](const Asked&) { return Answer{.error = ENOMEM}; }));
    try {
      const EventLoop refused(GetParam().spec);
      ADD_FAILURE() << nameOf(call) << " failed, and nobody said so";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::not_enough_memory);
      EXPECT_NE(std::string(error.what()).find("ulimit -l"), std::string::npos) << error.what();
    }
    expectServed();
  }
  const EventLoop second(GetParam().spec);
  expectServed();
}

TEST_P(ExhaustionOfLockedMemory, IsGotThroughWithASmallerRingWhereOneFits) {
  if (GetParam().isTiny()) GTEST_SKIP() << "there is no smaller one";
  int refusals = 2;
  const Faults faults(only(Call::kUringSetUp, [&](const Asked&) {
    return Answer{.error = refusals-- > 0 ? ENOMEM : 0};
  }));
  EventLoop loop(GetParam().spec);
  EXPECT_LT(refusals, 0);
  runTurns(loop, 3);
}

// The others lock no memory.
INSTANTIATE_TEST_SUITE_P(On, ExhaustionOfLockedMemory, ::testing::ValuesIn([] {
                           std::vector<PollerCase> cases = everyPoller();
                           std::erase_if(cases,
                                         [](const PollerCase& each) { return !each.isUring(); });
                           return cases;
                         }()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tern::testing
