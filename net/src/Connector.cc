// Connector: connect() by readiness, its deadline, and what comes after a failure.
#include "tern/net/Connector.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "Backoff.h"
#include "tern/base/Error.h"
#include "tern/net/EventLoop.h"
#include "tern/poller/SocketError.h"

namespace tern {
namespace {

// A client whose port the kernel chose may be given the very port that it connects to: both ends of
// the connection are then the one socket.
bool connectedToItself(int fd) {
  const auto local = SocketAddress::localOf(fd);
  const auto peer = SocketAddress::peerOf(fd);
  return local && peer && !local->isUnix() && *local == *peer;
}

}  // namespace

Connector::Connector(EventLoop& loop, const SocketAddress& server) : loop_(loop), server_(server) {}

Connector::~Connector() { stop(); }

void Connector::setRetry(std::optional<RetryPolicy> policy) {
  backoff_ = policy ? std::make_unique<Backoff>(*policy) : nullptr;
}

void Connector::resetDelays() {
  if (backoff_ != nullptr) backoff_->reset();
}

void Connector::start() {
  if (std::exchange(active_, true)) return;
  attempt();
}

void Connector::startLater() {
  if (backoff_ == nullptr || std::exchange(active_, true)) return;
  attemptAfter(backoff_->next());
}

void Connector::stop() {
  active_ = false;
  endAttempt();
}

void Connector::endAttempt() {
  // At rest nothing is asked of the loop: it may be gone by then.
  if (timer_ != TimerId()) loop_.cancel(std::exchange(timer_, {}));
  channel_.reset();
  fd_.reset();
}

void Connector::attemptAfter(Duration delay) {
  timer_ = loop_.runAfter(delay, [this] { attempt(); });
}

// Also what connected at once is told by the poller: one way for all.
void Connector::attempt() {
  std::error_code error = connect();
  if (!error) {
    try {
      channel_.emplace(loop_.poller(), fd_.get(), static_cast<ChannelHandler&>(*this));
      channel_->enableWriting();
    } catch (const std::system_error& refused) {
      error = refused.code();
    }
  }
  if (error) {
    failLater(error);
  } else if (timeout_ != kForever) {
    timer_ = loop_.runAfter(timeout_, [this] { fail(systemError(ETIMEDOUT)); });
  }
}

std::error_code Connector::connect() {
  fd_ = UniqueFd(::socket(server_.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return systemError(errno);
  const int on = 1;
  if (!server_.isUnix() && ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    return systemError(errno);
  }
  if (local_ && ::bind(fd_.get(), local_->sockAddr(), local_->sockAddrLength()) != 0) {
    return systemError(errno);
  }
  if (::connect(fd_.get(), server_.sockAddr(), server_.sockAddrLength()) == 0) return {};
  // Interrupted, it goes on by itself.
  if (errno == EINPROGRESS || errno == EINTR) return {};
  return systemError(errno);
}

void Connector::onEvents(EventMask /*events*/) {
  if (const int error = takeSocketError(fd_.get()); error != 0) {
    fail(systemError(error));
    return;
  }
  if (connectedToItself(fd_.get())) {
    fail(systemError(ECONNREFUSED));
    return;
  }
  UniqueFd fd = std::move(fd_);
  stop();
  // A copy: the callback may destroy this.
  if (const NewConnectionCallback callback = connected_) callback(std::move(fd));
}

void Connector::failLater(std::error_code error) {
  timer_ = loop_.runAfter(Duration::zero(), [this, error] { fail(error); });
}

void Connector::fail(std::error_code error) {
  endAttempt();
  std::optional<Duration> retryIn;
  if (backoff_ != nullptr) retryIn = backoff_->next();
  active_ = retryIn.has_value();
  if (retryIn) attemptAfter(*retryIn);
  if (const ErrorCallback callback = error_) callback(error, retryIn);
}

}  // namespace tern
