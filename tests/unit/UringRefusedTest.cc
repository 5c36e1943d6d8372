// PollerSpec where the kernel refuses io_uring: asked for by name it fails and says why; auto falls
// back to epoll with one line. Each case runs in a child, behind a seccomp filter.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <tern/base/Logging.h>
#include <tern/poller/PollerSpec.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace tern {
namespace {

using ::testing::ExitedWithCode;

/// From now on io_uring_setup() fails with the errno given, as in a container that blocks it.
void refuseIoUring(int errnum) {
  std::array<sock_filter, 4> program = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(errnum)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::perror("seccomp");
    ::_exit(99);
  }
}

/// Asks for io_uring by name, prints the refusal, and ends the child with the errno it carried.
[[noreturn]] void reportRefusal() {
  try {
    static_cast<void>(PollerSpec(PollerKind::kUring).make());
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(error.code().value());
  }
  std::fprintf(stderr, "it was made\n");
  ::_exit(0);
}

class UringRefusedDeathTest : public ::testing::Test {
 protected:
  UringRefusedDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(UringRefusedDeathTest, AKernelWithoutItIsNamed) {
  EXPECT_EXIT((refuseIoUring(ENOSYS), reportRefusal()), ExitedWithCode(ENOSYS),
              "io_uring.*kernel has no io_uring.*use epoll");
}

TEST_F(UringRefusedDeathTest, ASeccompFilterOrTheSysctlIsNamed) {
  EXPECT_EXIT((refuseIoUring(EPERM), reportRefusal()), ExitedWithCode(EPERM),
              "io_uring.*seccomp.*kernel\\.io_uring_disabled");
}

TEST_F(UringRefusedDeathTest, TheMemoryLockLimitIsNamed) {
  EXPECT_EXIT((refuseIoUring(ENOMEM), reportRefusal()), ExitedWithCode(ENOMEM),
              "io_uring.*ulimit -l");
}

TEST_F(UringRefusedDeathTest, AKernelThatIsTooOldIsNamed) {
  EXPECT_EXIT((refuseIoUring(EINVAL), reportRefusal()), ExitedWithCode(EINVAL),
              "io_uring.*too old");
}

TEST_F(UringRefusedDeathTest, TheLimitOnDescriptorsIsNamed) {
  EXPECT_EXIT((refuseIoUring(EMFILE), reportRefusal()), ExitedWithCode(EMFILE),
              "io_uring.*ulimit -n");
}

/// Makes two pollers by `auto`, prints each choice and every log line, and ends the child.
[[noreturn]] void reportAuto() {
  setLogHook([](LogLevel level, std::string_view message, const std::source_location&) {
    std::fprintf(stderr, "log %d: %s\n", static_cast<int>(level), std::string(message).c_str());
  });
  for (int i = 0; i < 2; ++i) {
    const PollerSpec::Made made = PollerSpec(PollerKind::kAuto).make();
    std::fprintf(stderr, "%s: %s -> %s: %s\n", std::string(made.poller->name()).c_str(),
                 made.choice.asked.c_str(), made.choice.chosen.c_str(), made.choice.reason.c_str());
  }
  ::_exit(0);
}

TEST_F(UringRefusedDeathTest, AutoFallsBackToEpollAndSaysWhyOnce) {
  EXPECT_EXIT((refuseIoUring(EPERM), reportAuto()), ExitedWithCode(0),
              "^log 2: [^\n]*epoll[^\n]*seccomp[^\n]*\n"
              "epoll: auto -> epoll: [^\n]*seccomp[^\n]*\n"
              "epoll: auto -> epoll: [^\n]*seccomp[^\n]*\n$");
}

TEST_F(UringRefusedDeathTest, EpollAndPollDoNotNeedIt) {
  EXPECT_EXIT(
      {
        refuseIoUring(EPERM);
        const bool both = PollerSpec(PollerKind::kEPoll).make().poller != nullptr &&
                          PollerSpec(PollerKind::kPoll).make().poller != nullptr;
        ::_exit(both ? 0 : 1);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tern
