// The test server: poll, one connection after the other, output kept until the peer takes it.
#include "EchoServer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace tern::load {
namespace {

struct Peer {
  UniqueFd fd;
  std::size_t received = 0;
  std::string output;
  std::size_t sent = 0;  // of the output
};

class Service {
 public:
  Service(Conduct conduct, std::size_t honestBytes, Reach reach)
      : conduct_(conduct), honestBytes_(honestBytes), reach_(reach) {}

  void run(int listener, int stop) {
    while (true) {
      std::vector<pollfd> watched{{listener, POLLIN, 0}, {stop, POLLIN, 0}};
      for (const Peer& peer : peers_) {
        const int events = POLLIN | (peer.output.empty() ? 0 : POLLOUT);
        watched.push_back({peer.fd.get(), static_cast<short>(events), 0});
      }
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
      if (watched[1].revents != 0) return;
      std::size_t at = 2;
      for (auto peer = peers_.begin(); peer != peers_.end();) {
        const bool keep = watched[at++].revents == 0 || serve(*peer);
        peer = keep ? std::next(peer) : peers_.erase(peer);
      }
      if (watched[0].revents != 0) accept(listener);
    }
  }

 private:
  void accept(int listener) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) peers_.push_back({std::move(fd), 0, {}, 0});
  }

  // Returns whether the connection goes on.
  bool serve(Peer& peer) {
    const ssize_t got = ::recv(peer.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got > 0) {
      peer.received += static_cast<std::size_t>(got);
      if (!answer(peer, {buffer_.data(), static_cast<std::size_t>(got)})) return false;
    }
    const std::string_view rest = std::string_view(peer.output).substr(peer.sent);
    const ssize_t sent = ::send(peer.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    peer.sent += static_cast<std::size_t>(sent);
    if (peer.sent == peer.output.size()) {
      peer.output.clear();
      peer.sent = 0;
    }
    return true;
  }

  bool answer(Peer& peer, std::string_view piece) {
    switch (peer.received > honestBytes_ ? conduct_ : Conduct::honest) {
      case Conduct::silent:
        return true;
      case Conduct::close:
        return false;
      case Conduct::reset: {
        const linger hard{1, 0};
        ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        return false;
      }
      case Conduct::corrupt:
        passOn(peer, corrupted(piece));
        return true;
      case Conduct::repeat:
        passOn(peer, piece);
        break;
      case Conduct::interrupt:
        if (!interrupted_) ::kill(::getpid(), SIGINT);
        interrupted_ = true;
        break;
      case Conduct::honest:
        break;
    }
    passOn(peer, piece);
    return true;
  }

  static std::string corrupted(std::string_view piece) {
    std::string bytes(piece);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    return bytes;
  }

  // The others' output leaves when poll() finds room for it.
  void passOn(Peer& from, std::string_view piece) {
    if (reach_ == Reach::sender) {
      from.output += piece;
      return;
    }
    const bool leaveOut = reach_ == Reach::butTheLast && peers_.size() > 2;
    for (Peer& peer : peers_) {
      if (!leaveOut || &peer != &peers_.back()) peer.output += piece;
    }
  }

  Conduct conduct_;
  std::size_t honestBytes_;
  Reach reach_;
  bool interrupted_ = false;
  std::list<Peer> peers_;
  std::array<char, 65536> buffer_{};
};

}  // namespace

EchoServer::EchoServer(Conduct conduct, std::size_t honestBytes, const char* host, Reach reach)
    : conduct_(conduct),
      reach_(reach),
      honestBytes_(honestBytes),
      ipv6_(std::strchr(host, ':') != nullptr),
      listener_(
          ::socket(ipv6_ ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  ::inet_pton(ipv6_ ? AF_INET6 : AF_INET, host,
              ipv6_ ? static_cast<void*>(&v6.sin6_addr) : static_cast<void*>(&v4.sin_addr));
  auto* address = ipv6_ ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t length = ipv6_ ? sizeof v6 : sizeof v4;
  if (!listener_ || ::bind(listener_.get(), address, length) != 0 ||
      ::listen(listener_.get(), 128) != 0 ||
      ::getsockname(listener_.get(), address, &length) != 0) {
    throw std::runtime_error(std::string("no test server: ") + std::strerror(errno));
  }
  port_ = ntohs(ipv6_ ? v6.sin6_port : v4.sin_port);

  // The signal is for the tool, which runs in the thread of the test.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &previous);
  thread_ = std::thread([this] { serve(); });
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

EchoServer::~EchoServer() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::string EchoServer::address() const {
  return (ipv6_ ? "[::1]:" : "127.0.0.1:") + std::to_string(port_);
}

void EchoServer::serve() {
  Service(conduct_, honestBytes_, reach_).run(listener_.get(), stop_.get());
}

}  // namespace tern::load
