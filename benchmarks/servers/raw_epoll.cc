// bench_server_raw_epoll: the limit for readiness. A level-triggered epoll loop that sends back
// whatever it read, at once, and parses nothing: in framed mode the bytes are the same. One block
// of 1 MiB serves all connections. What the socket does not take waits in a per-connection string.
// Broadcast: one send() a connection, straight from that block.
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
  Server(int listener, bool broadcasts)
      : listener_(listener), broadcasts_(broadcasts), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
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
        } else if (broadcasts_) {
          if ((event.events & EPOLLOUT) != 0) flush(event.data.fd);
          if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) tellAll(event.data.fd);
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
      if (broadcasts_) audience_.push_back(fd);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void tellAll(int from) {
    const ssize_t n = ::recv(from, block_.get(), kBlock, 0);
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN) leave(from);
      return;
    }
    const auto length = static_cast<std::size_t>(n);
    for (const int fd : audience_) tell(fd, length);
  }

  // Errors are left for recv() to report. While something waits, what follows queues behind it.
  void tell(int fd, std::size_t length) {
    std::string& waiting = pending_[fd];
    if (!waiting.empty()) {
      waiting.append(block_.get(), length);
      return;
    }
    const ssize_t sent = ::send(fd, block_.get(), length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return;
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    if (done == length) return;
    waiting.assign(block_.get() + done, length - done);
    watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
  }

  void leave(int fd) {
    std::erase(audience_, fd);
    pending_[fd].clear();
    ::close(fd);
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
      leave(fd);
      return;
    }
    bytes.erase(0, static_cast<std::size_t>(sent));
    if (bytes.empty()) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  int listener_;
  bool broadcasts_;
  int epoll_;
  std::unique_ptr<char[]> block_{new char[kBlock]};
  std::vector<std::string> pending_;  // by fd
  std::vector<int> audience_;
};

}  // namespace

int main(int argc, char** argv) {
  namespace bench = tern::bench;
  return bench::runBenchServer(argc, argv, "bench_server_raw_epoll", false,
                               [](const bench::ServerArguments& arguments) {
                                 const int listener = bench::listenOn(arguments);
                                 bench::printReady(arguments, bench::portOf(listener), "raw epoll");
                                 Server(listener, arguments.mode == bench::Mode::kBroadcast).run();
                               });
}
