// Process: fork, exec, pipes, and a seccomp filter written by hand.
#include "support/Process.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>

#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

std::vector<char*> pointersTo(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& each : strings) pointers.push_back(each.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environmentWith(const std::vector<std::string>& added) {
  std::vector<std::string> environment;
  for (char** each = environ; *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with("TERN_POLLER=")) environment.emplace_back(*each);
  }
  environment.insert(environment.end(), added.begin(), added.end());
  return environment;
}

// The lower half of the second argument.
constexpr __u32 kSecondArgument = offsetof(seccomp_data, args) + sizeof(__u64) +
                                  (std::endian::native == std::endian::little ? 0 : sizeof(__u32));

void install(std::span<const sock_filter> filter) noexcept {
  // The kernel only reads it.
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(126);
  }
}

}  // namespace

Process::Process(const std::string& path, const ProcessOptions& options)
    : err_(::memfd_create("stderr", MFD_CLOEXEC)) {
  std::array<int, 2> ends{};
  if (!err_ || ::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  out_.reset(ends[0]);
  const UniqueFd write(ends[1]);
  std::vector<std::string> arguments{path};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = environmentWith(options.environment);
  const std::vector<char*> argv = pointersTo(arguments);
  const std::vector<char*> envp = pointersTo(environment);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no fork");
  if (pid_ == 0) {
    ::dup2(write.get(), STDOUT_FILENO);
    ::dup2(err_.get(), STDERR_FILENO);
    if (options.beforeExec) options.beforeExec();
    ::execve(path.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

// Takes what is there; false at the end.
bool Process::receive() {
  pollfd entry{out_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&entry, 1, std::chrono::milliseconds(kPatience).count());
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) throw std::runtime_error("a program says nothing: " + errors());
  std::array<char, 4096> block{};
  ssize_t n = 0;
  do {
    n = ::read(out_.get(), block.data(), block.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0) output_.append(block.data(), static_cast<std::size_t>(n));
  return n > 0;
}

std::string Process::readLine() {
  for (;;) {
    const std::size_t end = output_.find('\n', read_);
    if (end != std::string::npos) {
      std::string line = output_.substr(read_, end - read_);
      read_ = end + 1;
      return line;
    }
    if (!receive()) throw std::runtime_error("a program ended without a line: " + errors());
  }
}

void Process::signal(int number) const { ::kill(pid_, number); }

int Process::wait() {
  // Its end closes the pipe.
  while (receive()) {
  }
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Process::errors() const {
  std::string text(static_cast<std::size_t>(::lseek(err_.get(), 0, SEEK_END)), '\0');
  const ssize_t n = ::pread(err_.get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

void denySystemCall(long number, int errnum) noexcept {
  const std::array<sock_filter, 4> filter{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<__u32>(number)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<__u32>(errnum)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  install(filter);
}

void denyOperation(long number, unsigned operation, int errnum) noexcept {
  const std::array<sock_filter, 6> filter{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, static_cast<__u32>(number)},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, kSecondArgument},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, operation},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<__u32>(errnum)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  install(filter);
}

}  // namespace tern::testing
