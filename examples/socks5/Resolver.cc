// Resolver: c-ares says which sockets to watch and for how long; the loop does it.
#include "Resolver.h"

#include <sys/time.h>
#include <tern/net/EventLoop.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace tern::examples {
namespace {

using namespace std::chrono_literals;

constexpr int kQueryTimeout = 2000;  // milliseconds, for each of
constexpr int kTries = 2;

// c-ares asks for it once a process.
void initialiseLibrary() {
  static const int status = ::ares_library_init(ARES_LIB_INIT_ALL);
  if (status != ARES_SUCCESS) throw std::runtime_error(::ares_strerror(status));
}

struct Query {
  std::uint16_t port;
  Resolver::Callback callback;
};

}  // namespace

Resolver::Resolver(EventLoop& loop) : loop_(loop) {
  initialiseLibrary();
  ares_options options{};
  options.timeout = kQueryTimeout;
  options.tries = kTries;
  options.sock_state_cb = &onSocketState;
  options.sock_state_cb_data = this;
  const int status = ::ares_init_options(
      &channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) throw std::runtime_error(::ares_strerror(status));
}

Resolver::~Resolver() {
  ::ares_destroy(channel_);
  loop_.cancel(timer_);
}

void Resolver::resolve(const std::string& name, std::uint16_t port, Callback callback) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  auto query = std::make_unique<Query>(Query{port, std::move(callback)});
  ::ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &onAnswer, query.release());
  armTimer();
}

void Resolver::onAnswer(void* query, int status, int /*timeouts*/, ares_addrinfo* answer) {
  const std::unique_ptr<Query> done(static_cast<Query*>(query));
  const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owned(answer,
                                                                       &::ares_freeaddrinfo);
  if (status == ARES_EDESTRUCTION) return;
  std::optional<SocketAddress> address;
  if (status == ARES_SUCCESS && answer != nullptr && answer->nodes != nullptr) {
    address = SocketAddress::from(answer->nodes->ai_addr, answer->nodes->ai_addrlen);
  }
  if (address) address = SocketAddress(address->toIp(), done->port);
  done->callback(address);
}

void Resolver::onSocketState(void* self, ares_socket_t fd, int readable, int writable) {
  static_cast<Resolver*>(self)->watch(fd, readable != 0, writable != 0);
}

void Resolver::watch(ares_socket_t fd, bool readable, bool writable) {
  if (!readable && !writable) {
    sockets_.erase(fd);
    return;
  }
  std::unique_ptr<Channel>& channel = sockets_[fd];
  if (channel == nullptr) {
    channel = std::make_unique<Channel>(loop_.poller(), fd);
    channel->setReadCallback([this, fd](Timestamp) { process(fd, ARES_SOCKET_BAD); });
    channel->setWriteCallback([this, fd] { process(ARES_SOCKET_BAD, fd); });
  }
  channel->setInterest((readable ? event::kReadable : 0) | (writable ? event::kWritable : 0));
}

void Resolver::process(ares_socket_t readable, ares_socket_t writable) {
  ::ares_process_fd(channel_, readable, writable);
  armTimer();
}

void Resolver::armTimer() {
  loop_.cancel(timer_);
  timeval space{};
  const timeval* wait = ::ares_timeout(channel_, nullptr, &space);
  if (wait == nullptr) return;
  timer_ = loop_.runAfter(wait->tv_sec * 1s + wait->tv_usec * 1us,
                          [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

}  // namespace tern::examples
