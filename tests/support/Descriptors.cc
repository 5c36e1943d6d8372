// Descriptors: system calls that must not fail in a test.
#include "support/Descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <tern/net/SocketAddress.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace tern::testing {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::system_category(), what);
}

}  // namespace

Pipe::Pipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
  reader.reset(ends[0]);
  writer.reset(ends[1]);
}

SocketPair::SocketPair() {
  std::array<int, 2> ends{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0,
          "socketpair");
  one.reset(ends[0]);
  other.reset(ends[1]);
}

TcpPair::TcpPair() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(listener), "socket");
  // Before the connection is made: both ends inherit it, or agree on it.
  const int small = 16 * 1024;
  require(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0,
          "SO_RCVBUF");
  require(::setsockopt(listener.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0,
          "SO_SNDBUF");
  const SocketAddress any(0, true);
  require(::bind(listener.get(), any.sockAddr(), any.sockAddrLength()) == 0, "bind");
  require(::listen(listener.get(), 1) == 0, "listen");
  const auto address = SocketAddress::localOf(listener.get());
  require(address.has_value(), "getsockname");
  other.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::setsockopt(other.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0, "SO_RCVBUF");
  require(::connect(other.get(), address->sockAddr(), address->sockAddrLength()) == 0, "connect");
  require(::fcntl(other.get(), F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
  one.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  require(static_cast<bool>(one), "accept4");
}

UniqueFd makeEventFd(unsigned count) {
  UniqueFd fd(::eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC));
  require(static_cast<bool>(fd), "eventfd");
  return fd;
}

std::set<int> openDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  require(folder != nullptr, "/proc/self/fd");
  std::set<int> fds;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') fds.insert(std::atoi(entry->d_name));
  }
  fds.erase(::dirfd(folder.get()));
  return fds;
}

std::string targetOf(int fd) {
  std::array<char, 256> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
  require(n >= 0, "readlink");
  return {target.data(), static_cast<std::size_t>(n)};
}

void writeTo(const UniqueFd& fd, std::string_view bytes) {
  const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
  require(n >= 0, "write");
  if (static_cast<std::size_t>(n) != bytes.size()) throw std::runtime_error("a short write");
}

std::string readFrom(const UniqueFd& fd) {
  std::string bytes;
  std::array<char, 4096> block{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), block.data(), block.size());
    if (n < 0) require(errno == EAGAIN, "read");
    if (n <= 0) return bytes;
    bytes.append(block.data(), static_cast<std::size_t>(n));
  }
}

void fillUp(const UniqueFd& fd) {
  const std::array<char, 4096> block{};
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
  require(errno == EAGAIN, "write");
}

}  // namespace tern::testing
