// Acceptor: which accept errors pass, which last, and how to get through them.
#include "tern/net/Acceptor.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "ListeningSocket.h"
#include "LoopWatch.h"
#include "SocketFile.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/poller/Poller.h"

namespace tern {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(50);
// A shortage may come and go many times a second: it is reported once in this time.
constexpr Duration kQuiet = std::chrono::seconds(5);
// Of the connections that wait, how many are closed at a time.
constexpr std::uint32_t kShedAtOnce = 64;

// A file of its own, as ENFILE takes, and without a file system: a sandbox may have none.
UniqueFd openReserve() { return UniqueFd(::eventfd(0, EFD_CLOEXEC)); }

SocketAddress addressOf(const UniqueFd& socket) {
  const auto address = SocketAddress::localOf(socket.get());
  if (!address) throwSystemError(errno, "Acceptor: not a bound socket");
  return *address;
}

// How many connections wait to be accepted. Those that come later must not be shed with them: a
// descriptor may have come free by then.
std::uint32_t queueLength(int listening) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(listening, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 1;
  return info.tcpi_unacked;  // what a listening socket reports there
}

// The connection died in the queue, or the network refused it: the next one may be fine.
bool concernsOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case EAGAIN:
    case EINTR:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor::Acceptor(EventLoop& loop, const SocketAddress& address, bool reusePort)
    : Acceptor(loop, bindListeningSocket(address, reusePort)) {
  file_ = std::make_unique<SocketFile>(address_);
}

Acceptor::Acceptor(EventLoop& loop, UniqueFd boundSocket)
    : loop_(loop),
      socket_(std::move(boundSocket)),
      address_(addressOf(socket_)),
      reserve_(openReserve()) {}

Acceptor::~Acceptor() { loop_.cancel(retry_); }

void Acceptor::listen() {
  keepPlace();
  listenOn(socket_.get());
  listener_ = loop_.poller().openListener(std::move(socket_), *this);
}

void Acceptor::keepPlace() {
  retry_ = loop_.runAt(Timestamp::max(), [] {});
}

void Acceptor::onAccept(UniqueFd fd) {
  const auto callback = callback_;  // which may destroy the acceptor
  if (callback == nullptr || !*callback) return;
  LoopWatch::run([this] { return LoopWatch::channel(listener_->fd()); },
                 [&] { (*callback)(std::move(fd)); });
}

void Acceptor::onAcceptError(std::error_code error) {
  const int number = error.value();
  if (concernsOneConnection(number)) {
    log(LogLevel::kDebug, [&] {
      return "a connection to " + address_.toString() +
             " was lost before it was "
             "accepted: " +
             error.message();
    });
    if (errorCallback_) errorCallback_(error, 0);
    return;
  }
  if (const Timestamp now = Clock::now(); now >= quietUntil_) {
    quietUntil_ = now + kQuiet;
    log(LogLevel::kWarn, [&] {
      return "can't accept on " + address_.toString() + ": " + error.message() +
             "; those connected are served on, new ones are turned away";
    });
  }
  const std::size_t closed = number == EMFILE || number == ENFILE ? shed() : 0;
  pauseForAWhile();
  if (errorCallback_) errorCallback_(error, closed);
}

// A connection that stays in the queue would look alive to its peer. The reserve makes room for
// one descriptor; each is closed as soon as it is accepted.
std::size_t Acceptor::shed() {
  const int listening = listener_->fd();
  const int mode = ::fcntl(listening, F_GETFL);
  if (mode < 0 || ::fcntl(listening, F_SETFL, mode | O_NONBLOCK) < 0) return 0;
  reserve_.reset();
  const std::uint32_t most = std::min(queueLength(listening), kShedAtOnce);
  std::size_t closed = 0;
  while (closed < most && UniqueFd(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC))) ++closed;
  reserve_ = openReserve();
  ::fcntl(listening, F_SETFL, mode);
  return closed;
}

void Acceptor::pauseForAWhile() {
  loop_.cancel(retry_);
  retry_ = loop_.runAfter(kPause, [this] { goOn(); });
  listener_->pause();
}

void Acceptor::goOn() {
  keepPlace();  // that of the timer in whose call this is
  // Somebody else may have taken the descriptor when it was given up.
  if (!reserve_) reserve_ = openReserve();
  try {
    listener_->resume();
  } catch (const std::exception& error) {  // of the poller, or for want of memory
    log(LogLevel::kError,
        [&] { return "can't accept on " + address_.toString() + ": " + error.what(); });
    pauseForAWhile();
  }
}

}  // namespace tern
