// bench_server_raw_epoll: the limit for readiness. A level-triggered epoll loop that sends back
// whatever it read, at once, and parses nothing: in framed mode the bytes are the same. One block
// of 1 MiB serves all connections. What the socket does not take waits in a per-connection string.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "BenchServer.h"

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20U;

class Server {
 public:
  explicit Server(int listener) : listener_(listener), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) tern::bench::fail("epoll_create1()");
    ::fcntl(listener_, F_SETFL, O_NONBLOCK);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 1024> events;
    for (;;) {
      const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_) {
          acceptAll();
        } else if ((event.events & EPOLLOUT) != 0) {
          flush(event.data.fd);
        } else {
          echo(event.data.fd);
        }
      }
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &event);
  }

  void acceptAll() {
    for (int i = 0; i < 64; ++i) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (static_cast<std::size_t>(fd) >= pending_.size()) pending_.resize(fd + 1U);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void echo(int fd) {
    const ssize_t n = ::recv(fd, block_.get(), kBlock, 0);
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN) ::close(fd);
      return;
    }
    const ssize_t sent = ::send(fd, block_.get(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
    if (sent == n) return;
    if (sent < 0 && errno != EAGAIN) {
      ::close(fd);
      return;
    }
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    pending_[fd].assign(block_.get() + done, static_cast<std::size_t>(n) - done);
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }

  void flush(int fd) {
    std::string& bytes = pending_[fd];
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) return;
      bytes.clear();
      ::close(fd);
      return;
    }
    bytes.erase(0, static_cast<std::size_t>(sent));
    if (bytes.empty()) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  int listener_;
  int epoll_;
  std::unique_ptr<char[]> block_{new char[kBlock]};
  std::vector<std::string> pending_;  // by fd
};

}  // namespace

int main(int argc, char** argv) {
  using namespace tern::bench;
  return runBenchServer(argc, argv, "bench_server_raw_epoll", false,
                        [](const ServerArguments& arguments) {
                          const int listener = listenOn(arguments);
                          printReady(arguments, portOf(listener), "raw epoll");
                          Server(listener).run();
                        });
}
