// SandboxProcess: what a server inside a sandbox has given up, what it says when it tries to have
// it back, and what it says when it can't get in.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/Peers.h"
#include "support/Process.h"
#include "support/ProgramFixture.h"
#include "support/ServerProcess.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

const std::string kServer = exampleProgram("sandbox_server");
// Of "nobody", and of an account that may be in no list of users.
constexpr unsigned kNobody = 65534;

bool isRoot() { return ::geteuid() == 0; }

// For beforeExec.
void becomeNobody() {
  if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
    ::_exit(126);
  }
}

// What /proc says of a thread, by the name of the line; blanks are one blank each.
using Status = std::map<std::string, std::string>;

Status statusOf(const std::filesystem::path& thread) {
  Status status;
  std::ifstream file(thread / "status");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string value = line.substr(std::min(line.size(), colon + 2));
    std::replace(value.begin(), value.end(), '\t', ' ');
    while (value.ends_with(' ')) value.pop_back();
    status[line.substr(0, colon)] = value;
  }
  return status;
}

std::vector<Status> threadsOf(const Process& process) {
  std::vector<Status> threads;
  const std::string folder = "/proc/" + std::to_string(process.pid()) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(folder)) {
    threads.push_back(statusOf(thread.path()));
  }
  return threads;
}

void expectConfined(const Status& thread) {
  EXPECT_EQ(thread.at("NoNewPrivs"), "1");
  EXPECT_EQ(thread.at("Seccomp"), "2");  // by a filter
}

void expectWithoutPrivileges(const Status& thread) {
  const std::string ids = "65534 65534 65534 65534";
  EXPECT_EQ(thread.at("Uid"), ids);
  EXPECT_EQ(thread.at("Gid"), ids);
  EXPECT_EQ(thread.at("Groups"), "");
  EXPECT_EQ(thread.at("CapPrm"), "0000000000000000");
  EXPECT_EQ(thread.at("CapEff"), "0000000000000000");
}

// One that nobody has. The kernel chooses none of these, and other shards of the tests look for one
// at the same time: each begins elsewhere.
std::optional<std::uint16_t> privilegedPort() {
  const auto first = static_cast<std::uint16_t>(1023 - ::getpid() % 400);
  for (std::uint16_t port = first; port > 512; --port) {
    const SocketAddress address("127.0.0.1", port);
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(fd.get(), address.sockAddr(), address.sockAddrLength()) == 0) return port;
  }
  return std::nullopt;
}

// A sysctl that containers like to lower.
bool portsArePrivileged() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int first = 1024;
  file >> first;
  return first >= 1024;
}

class SandboxProcess : public ServerProgramFixture {
 protected:
  // The server's answer to one line, on a connection of its own.
  std::string answerTo(const std::string& line) {
    Peer peer(address());
    peer.sendAll(line + "\n");
    peer.shutdownWrite();
    return peer.receiveUntilEof();
  }
};

TEST_P(SandboxProcess, ADeniedCallFailsAndTheServerGoesOn) {
  start("sandbox_server");
  for (const std::string what : {"open", "socket", "execve", "mmap"}) {
    EXPECT_EQ(answerTo("try " + what), what + ": Operation not permitted\n");
    EXPECT_EQ(answerTo("hello"), "hello\n");
  }
  EXPECT_EQ(answerTo("try anything"), "try one of: open, socket, execve, mmap\n");
}

TEST_P(SandboxProcess, ADeniedCallFailsOnEachThread) {
  start("sandbox_server", {"--threads", "3"});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(answerTo("try open"), "open: Operation not permitted\n");
}

TEST_P(SandboxProcess, ADeniedCallEndsTheServerIfItIsToldSo) {
  ServerProcess server(
      kServer,
      {{"--listen", "127.0.0.1:0", "--poller", GetParam(), "--violation", "kill"}, {}, {}});
  Peer peer(server.address());
  peer.sendAll("try open\n");
  EXPECT_EQ(server.process().wait(), -SIGSYS);
}

TEST_P(SandboxProcess, ADeniedCallIsMadeIfItIsOnlyToBeLogged) {
  start("sandbox_server", {"--violation", "log"});
  EXPECT_EQ(answerTo("try open"), "open: done\n");
  EXPECT_EQ(answerTo("try mmap"), "mmap: done\n");
  EXPECT_EQ(answerTo("try execve"), "execve: Permission denied\n");
}

TEST_P(SandboxProcess, NoThreadIsRootAnyMoreNorOutsideTheSandbox) {
  if (!isRoot()) GTEST_SKIP() << "only root has something to give up";
  start("sandbox_server", {"--threads", "3"});
  const std::vector<Status> threads = threadsOf(process());
  EXPECT_GE(threads.size(), 4U);
  for (const Status& thread : threads) {
    expectConfined(thread);
    expectWithoutPrivileges(thread);
  }
  EXPECT_NE(end().find("root is given up for user nobody"), std::string::npos);
}

TEST_P(SandboxProcess, AnOrdinaryUserHasNothingToGiveUpAndIsConfinedAllTheSame) {
  std::function<void()> asNobody;
  if (isRoot()) asNobody = becomeNobody;
  if (isRoot() && Process(kServer, {{"--help"}, {}, asNobody}).wait() != 0) {
    GTEST_SKIP() << "the folder of the build is closed to other users";
  }
  start("sandbox_server", {"--threads", "3"}, asNobody);
  for (const Status& thread : threadsOf(process())) expectConfined(thread);
  EXPECT_EQ(answerTo("try open"), "open: Operation not permitted\n");
  EXPECT_NE(end().find("the user stays as it was"), std::string::npos);
}

TEST_P(SandboxProcess, ItServesOnAPortThatOnlyRootMayBind) {
  if (!isRoot()) GTEST_SKIP() << "only root may bind such a port";
  const auto port = privilegedPort();
  if (!port) GTEST_SKIP() << "there is no such port, or root may not bind it, either";
  const std::string listen = "127.0.0.1:" + std::to_string(*port);
  for (const std::string mode : {"1", "3"}) {
    std::vector<std::string> arguments{"--listen", listen,      "--poller",
                                       GetParam(), "--threads", mode};
    if (mode != "1") arguments.emplace_back("--reuse-port");
    ServerProcess server(kServer, {arguments, {}, {}});
    {
      Peer peer(server.address());
      peer.sendAll("hello\n");
      EXPECT_EQ(peer.receiveExactly(6), "hello\n");
    }
    for (const Status& thread : threadsOf(server.process())) expectWithoutPrivileges(thread);
    server.process().signal(SIGTERM);
    EXPECT_EQ(server.end(), 0);
  }
}

TERN_ON_EACH_PROGRAM_POLLER(SandboxProcess);

class SandboxUsage : public ProgramFixture {
 protected:
  int status(const std::vector<std::string>& arguments,
             const std::function<void()>& beforeExec = {}) {
    return run("sandbox_server", {arguments, {}, beforeExec});
  }
};

TEST_F(SandboxUsage, AnUnknownUserIsNamed) {
  EXPECT_EQ(status({"--user", "no-such-user"}), 2);
  expectRefusal("no user 'no-such-user'");
}

TEST_F(SandboxUsage, RootIsNoUserToBecome) {
  EXPECT_EQ(status({"--user", "root"}), 2);
  expectRefusal("--user: ");
  expectRefusal("root");
}

TEST_F(SandboxUsage, AnUnknownViolationIsNamed) {
  EXPECT_EQ(status({"--violation", "maim"}), 2);
  expectRefusal("--violation");
}

TEST_F(SandboxUsage, AFileThatCouldNotBeRemovedIsRefused) {
  EXPECT_EQ(status({"--listen", "unix:/tmp/sandbox.sock"}), 2);
  expectRefusal("/tmp/sandbox.sock");
  EXPECT_FALSE(std::filesystem::exists("/tmp/sandbox.sock"));
}

TEST_F(SandboxUsage, APrivilegedPortIsRefusedToAnOrdinaryUser) {
  const auto port = isRoot() ? privilegedPort() : 1023;
  if (!port || !portsArePrivileged()) GTEST_SKIP() << "such ports are not privileged here";
  std::function<void()> asNobody;
  if (isRoot()) asNobody = becomeNobody;
  const int ended = status({"--listen", "127.0.0.1:" + std::to_string(*port)}, asNobody);
  if (ended == 127) GTEST_SKIP() << "the folder of the build is closed to other users";
  EXPECT_EQ(ended, 1);
  expectRefusal("ports below 1024");
}

TEST_F(SandboxUsage, AKernelThatTakesNoFilterIsNoPlaceToServe) {
  for (const int error : {EPERM, ENOSYS}) {
    EXPECT_EQ(status({}, [error] { denySystemCall(SYS_seccomp, error); }), 1);
    expectRefusal("the sandbox: ");
  }
}

TEST_F(SandboxUsage, UsersWhoCantBeChangedAreNoPlaceToServe) {
  if (!isRoot()) GTEST_SKIP() << "only root changes its user";
  for (const long call : {SYS_setgroups, SYS_setresgid, SYS_setresuid}) {
    EXPECT_EQ(status({}, [call] { denySystemCall(call, EPERM); }), 1);
    expectRefusal("on the way from root to nobody");
    // They say that they did, and did not.
    EXPECT_EQ(status({}, [call] { denySystemCall(call, 0); }), 1);
    expectRefusal("the privileges of root were given up, and are still there");
  }
}

TEST_F(SandboxUsage, TheListsArePrintedAndNoServerIsStarted) {
  const std::map<std::string, std::string> waits{
      {"poll", "ppoll "}, {"epoll", "epoll_wait "}, {"io_uring", "io_uring_enter "}};
  for (const auto& [poller, call] : waits) {
    EXPECT_EQ(status({"--list", "--poller", poller}), 0);
    EXPECT_EQ(errors_, "");
    for (const auto& each : waits) {
      const bool listed = output_.find("\n" + each.second) != std::string::npos;
      EXPECT_EQ(listed, each.second == call) << output_;
    }
    EXPECT_EQ(output_.find("\nopen"), std::string::npos) << output_;
  }
}

}  // namespace
}  // namespace tern::testing
