// UringDeniedProcess: servers in a container that denies io_uring: asked for by name it is an error
// that says why; auto serves by epoll and says why in one line. And what a filter does not see.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <tern/base/UniqueFd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ContainerProfile.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ServerProcess.h"

namespace tern::testing {
namespace {

using ::testing::ExitedWithCode;

struct Denial {
  std::string name;
  int errnum;
  std::string cause;  // what users are told
};

class UringDenied : public ::testing::TestWithParam<Denial> {
 protected:
  ProcessOptions inContainer(std::vector<std::string> arguments,
                             std::vector<std::string> environment = {}) const {
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
    return {std::move(arguments), std::move(environment), [this] { profile_.enter(); }};
  }

  void expectRefusal(const ProcessOptions& options) {
    Process process(exampleProgram("echo_server"), options);
    EXPECT_EQ(process.wait(), 1);
    EXPECT_EQ(process.output(), "");
    const std::string errors = process.errors();
    EXPECT_TRUE(errors.starts_with("echo_server: io_uring can't be set up: ")) << errors;
    EXPECT_NE(errors.find(GetParam().cause), std::string::npos) << errors;
    EXPECT_NE(errors.find("use epoll"), std::string::npos) << errors;
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
  }

  // What the server wrote to stderr.
  std::string serveAndEnd(const ProcessOptions& options, const std::string& poller) {
    ServerProcess server(exampleProgram("echo_server"), options);
    EXPECT_EQ(server.poller(), poller);
    for (int i = 0; i < 6; ++i) {
      Peer peer(server.address());
      peer.sendAll("hello");
      EXPECT_EQ(peer.receiveExactly(5), "hello");
    }
    server.process().signal(SIGTERM);
    EXPECT_EQ(server.end(), 0);
    return server.process().errors();
  }

  void expectOneLineWithTheCause(const std::string& errors) {
    EXPECT_NE(errors.find("poller auto: epoll is used, because"), std::string::npos) << errors;
    EXPECT_NE(errors.find(GetParam().cause), std::string::npos) << errors;
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
  }

 private:
  const ContainerProfile profile_ = ContainerProfile::withoutIoUring(GetParam().errnum);
};

TEST_P(UringDenied, IoUringByNameIsAnErrorThatNamesTheCause) {
  expectRefusal(inContainer({"--poller", "io_uring"}));
  expectRefusal(inContainer({"--poller", "io_uring", "--threads", "3"}));
}

TEST_P(UringDenied, IoUringByTheEnvironmentIsTheSameError) {
  expectRefusal(inContainer({}, {"TERN_POLLER=io_uring"}));
}

TEST_P(UringDenied, AutoServesByEpollAndSaysWhyInOneLine) {
  expectOneLineWithTheCause(serveAndEnd(inContainer({"--poller", "auto"}), "epoll"));
  expectOneLineWithTheCause(
      serveAndEnd(inContainer({"--poller", "auto", "--threads", "3"}), "epoll"));
  expectOneLineWithTheCause(serveAndEnd(inContainer({}, {"TERN_POLLER=auto"}), "epoll"));
}

TEST_P(UringDenied, PollAndEpollDoNotCare) {
  for (const std::string poller : {"poll", "epoll"}) {
    EXPECT_EQ(serveAndEnd(inContainer({"--poller", poller, "--threads", "3"}), poller), "");
  }
}

INSTANTIATE_TEST_SUITE_P(
    With, UringDenied,
    ::testing::Values(Denial{"EPERM", EPERM, "blocked by a seccomp filter (as in many containers)"},
                      Denial{"ENOSYS", ENOSYS, "this kernel has no io_uring"}),
    [](const auto& instance) { return instance.param.name; });

// A profile that knows of io_uring, but not of all its calls.
TEST(UringDeniedInPart, EachOfItsCallsIsMissedAndSaidToBeBlocked) {
  for (const char* call : {"io_uring_setup", "io_uring_enter", "io_uring_register"}) {
    const ContainerProfile profile({call}, EPERM);
    const auto enter = [&profile] { profile.enter(); };
    Process byName(exampleProgram("echo_server"), {{"--poller", "io_uring"}, {}, enter});
    EXPECT_EQ(byName.wait(), 1) << call;
    EXPECT_NE(byName.errors().find("seccomp"), std::string::npos) << byName.errors();
    ServerProcess bySearch(exampleProgram("echo_server"), {{"--poller", "auto"}, {}, enter});
    EXPECT_EQ(bySearch.poller(), "epoll") << call;
    bySearch.process().signal(SIGTERM);
    EXPECT_EQ(bySearch.end(), 0) << call;
    EXPECT_NE(bySearch.process().errors().find("seccomp"), std::string::npos)
        << bySearch.process().errors();
  }
}

// 0 when open() is denied and the ring opens the file all the same.
[[noreturn]] void openByRing(const ContainerProfile& profile) {
  io_uring ring{};
  if (io_uring_queue_init(4, &ring, 0) != 0) ::_exit(1);
  profile.enter();
  if (::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM) ::_exit(2);
  io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC, 0);
  io_uring_cqe* done = nullptr;
  if (io_uring_submit_and_wait(&ring, 1) != 1 || io_uring_peek_cqe(&ring, &done) != 0) ::_exit(3);
  ::_exit(done->res >= 0 ? 0 : 4);
}

// Why the guide says that on io_uring a filter keeps less away.
TEST(SeccompDeathTest, AFilterDoesNotSeeWhatIsSubmittedThroughARing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const ContainerProfile profile({"openat"}, EPERM);
  EXPECT_EXIT(openByRing(profile), ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tern::testing
