// Stranger: non-blocking steps, each of which may be the last.
#include "Stranger.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

namespace tern::soak {
namespace {

// Never a measure of speed: what takes so long hangs.
constexpr auto kPatience = std::chrono::seconds(60);

void setOption(int fd, int level, int option, const auto& value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

bool waits(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Stranger::Stranger(Plan plan, Conversation conversation, Tally& tally)
    : plan_(std::move(plan)),
      conversation_(std::move(conversation)),
      tally_(tally),
      mark_(tally.mark()),
      deadline_(Clock::now() + kPatience) {}

bool Stranger::begin(const SocketAddress& server) {
  fd_.reset(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) {
    if (errno != EMFILE || tally_.calmSince(mark_)) fail("no socket");
    return false;
  }
  if (plan_.receiveBuffer > 0) setOption(fd(), SOL_SOCKET, SO_RCVBUF, plan_.receiveBuffer);
  setOption(fd(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd(), server.sockAddr(), server.sockAddrLength()) == 0) return connected();
  return errno == EINPROGRESS || ended(errno);
}

bool Stranger::connected() {
  connecting_ = false;
  return plan_.ending != Ending::kVanish && progress();
}

short Stranger::wanted(Timestamp now) const {
  if (connecting_) return POLLOUT;
  const int in = now >= notBefore_ ? POLLIN : 0;
  const int out = hasToSend() ? POLLOUT : 0;
  return static_cast<short>(in | out);
}

bool Stranger::hasToSend() const {
  return !conversation_.pending().empty() || garbageSent_ < plan_.garbage.size();
}

bool Stranger::step(short found, Timestamp now) {
  if (now > deadline_) {
    fail("waits in vain; " + conversation_.state());
    return false;
  }
  if (found == 0) return true;
  if (connecting_) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? connected() : ended(error);
  }
  if ((found & POLLOUT) != 0 && hasToSend() && !send()) return false;
  // A reset is reported even to one that wants to hear nothing now.
  if ((found & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(now)) return false;
  return progress();
}

bool Stranger::send() {
  const bool garbage = conversation_.pending().empty();
  std::string_view part =
      garbage ? std::string_view(plan_.garbage).substr(garbageSent_) : conversation_.pending();
  part = part.substr(0, plan_.sendAtOnce);
  const ssize_t n = ::send(fd(), part.data(), part.size(), MSG_NOSIGNAL);
  // What the server closed is told by receiving: it may have said something before.
  if (n < 0) return waits(errno) || errno == EPIPE || ended(errno);
  moved_ += static_cast<std::size_t>(n);
  if (garbage) {
    garbageSent_ += static_cast<std::size_t>(n);
  } else {
    conversation_.sent(static_cast<std::size_t>(n));
  }
  return true;
}

bool Stranger::receive(Timestamp now) {
  static thread_local std::vector<char> block(std::size_t{64} * 1024);
  const ssize_t n = ::recv(fd(), block.data(), std::min(block.size(), plan_.receiveAtOnce), 0);
  if (n < 0) return waits(errno) || ended(errno);
  if (n == 0) return ended(0);
  moved_ += static_cast<std::size_t>(n);
  notBefore_ = now + plan_.pause;
  conversation_.hear({block.data(), static_cast<std::size_t>(n)});
  return true;
}

bool Stranger::progress() {
  if (moved_ >= plan_.resetAfter) return reset();
  if (plan_.ending == Ending::kHalfClose && !finSent_ && !hasToSend()) {
    finSent_ = true;
    ::shutdown(fd(), SHUT_WR);
  }
  return plan_.ending != Ending::kClose || !conversation_.settled();
}

bool Stranger::reset() {
  setOption(fd(), SOL_SOCKET, SO_LINGER, linger{1, 0});
  fd_.reset();
  ++tally_.resets;
  return false;
}

// The server's end, or none at all.
bool Stranger::ended(int error) {
  if (lossesAreFine()) return false;
  const std::string how = error == 0 ? "end of file" : std::system_category().message(error);
  if (!conversation_.settled()) {
    fail("ended by " + how + " with " + conversation_.state());
  } else if (error != 0) {
    fail("ended by " + how);
  }
  return false;
}

bool Stranger::lossesAreFine() const {
  return plan_.ending == Ending::kAwaitLost || !tally_.calmSince(mark_);
}

void Stranger::fail(const std::string& what) {
  tally_.fail(std::string("a plain peer (") + plan_.name + "): " + what);
}

}  // namespace tern::soak
