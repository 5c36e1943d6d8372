// Connector: connect() by readiness, its deadline, and what comes after a failure.
#include "tern/net/Connector.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <system_error>
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
  if (active_) return;
  prepare();
  active_ = true;
  attempt();
}

void Connector::startLater() {
  if (backoff_ == nullptr || std::exchange(active_, true)) return;
  callAfter(backoff_->next(), &Connector::attempt);
}

void Connector::prepare() {
  if (timer_ == TimerId()) timer_ = loop_.runAt(Timestamp::max(), [] {});
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

// In the place of the timer before it, which has fired or is cancelled here: it takes no memory.
void Connector::callAfter(Duration delay, void (Connector::*next)()) {
  loop_.cancel(std::exchange(timer_, {}));
  next_ = next;
  timer_ = loop_.runAfter(delay, [this] { (this->*next_)(); });
}

// Also what connected at once is told by the poller: one way for all.
void Connector::attempt() {
  failure_ = connect();
  if (!failure_) {
    try {
      channel_.emplace(loop_.poller(), fd_.get(), static_cast<ChannelHandler&>(*this));
      channel_->enableWriting();
    } catch (const std::system_error& refused) {
      failure_ = refused.code();
    } catch (const std::bad_alloc&) {
      failure_ = systemError(ENOMEM);
    }
  }
  if (failure_) {
    callAfter(Duration::zero(), &Connector::failed);
  } else {
    failure_ = systemError(ETIMEDOUT);
    callAfter(timeout_, &Connector::failed);
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
  if (backoff_ != nullptr) prepare();
  if (const auto callback = connected_; callback != nullptr && *callback)
    (*callback)(std::move(fd));
}

void Connector::fail(std::error_code error) {
  std::optional<Duration> retryIn;
  if (backoff_ != nullptr) retryIn = backoff_->next();
  active_ = retryIn.has_value();
  endAttempt();
  if (retryIn) callAfter(*retryIn, &Connector::attempt);
  if (const auto callback = error_; callback != nullptr && *callback) (*callback)(error, retryIn);
}

}  // namespace tern
