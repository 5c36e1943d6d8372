// UringDataPath: on io_uring the kernel accepts, receives and sends by itself: the loop's thread
// makes no system call for a connection's bytes. Shown by a filter that catches each.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr long kCaught[] = {
    SYS_read,   SYS_readv,    SYS_recvfrom,    SYS_recvmsg,   SYS_recvmmsg, SYS_write,
    SYS_writev, SYS_sendto,   SYS_sendmsg,     SYS_sendmmsg,  SYS_accept,   SYS_accept4,
    SYS_ppoll,  SYS_pselect6, SYS_epoll_pwait, SYS_epoll_ctl,
#ifdef SYS_poll  // not on newer architectures
    SYS_poll,   SYS_select,   SYS_epoll_wait,
#endif
};

std::atomic<int> gCaught{0};
std::atomic<int> gLastCaught{0};

void onCaught(int /*signal*/, siginfo_t* info, void* /*context*/) {
  gLastCaught = info->si_syscall;
  ++gCaught;
}

// While it lives, a call that a filter catches is counted. It does nothing then.
class CountingCaught {
 public:
  CountingCaught() {
    gCaught = 0;
    struct sigaction action{};
    action.sa_sigaction = onCaught;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGSYS, &action, &before_);
  }
  CountingCaught(const CountingCaught&) = delete;
  CountingCaught& operator=(const CountingCaught&) = delete;
  ~CountingCaught() { ::sigaction(SIGSYS, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

// From now on, on this thread alone and until its end.
void catchSystemCalls() {
  std::vector<sock_filter> filter{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}};
  for (const long number : kCaught) {
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<__u32>(number)});
    filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP});
  }
  filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    throw std::system_error(errno, std::system_category(), "seccomp");
  }
}

class UringDataPath : public ::testing::TestWithParam<PollerCase> {
 protected:
  // A test that failed has left the server running; else it has ended by itself.
  ~UringDataPath() override {
    const bool running =
        server_.valid() && server_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
    if (running && loop_ != nullptr) loop_.load()->quit();
  }

  // An echo server on a thread of its own, which catches system calls from the first message on,
  // and ends when the last connection has gone: nobody has to wake it up.
  void serve() {
    EventLoop loop(GetParam().spec);
    TcpServer server(&loop, SocketAddress(0, true), "test");
    int up = 0;
    server.setConnectionCallback([&](const TcpConnectionPtr& connection) {
      up += connection->connected() ? 1 : -1;
      if (up == 0) loop.quit();
    });
    bool catching = false;
    server.setMessageCallback([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
      if (!std::exchange(catching, true)) catchSystemCalls();
    });
    server.start();
    loop_ = &loop;
    address_.put(server.address());
    loop.loop();
  }

  // Runs serve(); a call that shows that the filter works comes last.
  void startServer() {
    server_ = std::async(std::launch::async, [this] {
      serve();
      caughtByServer_ = gCaught.load();
      ::poll(nullptr, 0, 0);
    });
  }

  const CountingCaught counting_;
  Mailbox<SocketAddress> address_;
  std::atomic<EventLoop*> loop_ = nullptr;
  std::atomic<int> caughtByServer_ = 0;
  std::future<void> server_;
};

TEST_P(UringDataPath, MakesNoSystemCallsForAConnectionsBytes) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer makes system calls of its own";
  startServer();
  const SocketAddress address = address_.take();
  const int rounds = GetParam().isTiny() ? 50 : 500;
  {
    Peer first(address);
    first.sendAll("catch from here on");
    EXPECT_EQ(first.receiveExactly(18), "catch from here on");
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 8; ++i) peers.push_back(std::make_unique<Peer>(address));
    for (int round = 0; round < rounds; ++round) {
      const std::string message = patternOf(100, static_cast<unsigned>(round));
      for (const auto& peer : peers) peer->sendAll(message);
      for (const auto& peer : peers) ASSERT_EQ(peer->receiveExactly(100), message);
    }
    // What needs several sends and receives.
    const std::string much = patternOf(GetParam().isTiny() ? 10'000 : 1'000'000);
    auto sending = std::async(std::launch::async, [&] { peers[0]->sendAll(much); });
    expectSameBytes(peers[0]->receiveExactly(much.size()), much);
    sending.get();
    peers.clear();
  }
  ASSERT_EQ(server_.wait_for(kPatience), std::future_status::ready);
  server_.get();
  EXPECT_EQ(caughtByServer_, 0) << "the last is number " << gLastCaught;
  EXPECT_EQ(gCaught, 1) << "the filter does not catch anything";
}

INSTANTIATE_TEST_SUITE_P(On, UringDataPath, ::testing::ValuesIn([] {
                           std::vector<PollerCase> cases = everyPoller();
                           std::erase_if(cases, [](const PollerCase& each) {
                             return each.name != "io_uring" && !each.isTiny();
                           });
                           return cases;
                         }()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tern::testing
