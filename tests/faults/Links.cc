// Links: what either end does at random, and the checks.
#include "Links.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <tern/base/Clock.h>
#include <tern/base/Logging.h>
#include <tern/net/SocketAddress.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/Pattern.h"
#include "support/faults/Faults.h"

namespace tern::testing {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{200} * 1024;

const std::shared_ptr<const UniqueFd>& patternFile() {
  static const std::shared_ptr<const UniqueFd> file = [] {
    const FaultsOff off;
    UniqueFd fd(::memfd_create("pattern", MFD_CLOEXEC));
    std::string_view left = patternTwice();
    while (!left.empty()) {
      const ssize_t n = ::write(fd.get(), left.data(), left.size());
      if (n <= 0) throw std::system_error(errno, std::generic_category(), "the pattern's file");
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    return std::make_shared<const UniqueFd>(std::move(fd));
  }();
  return file;
}

}  // namespace

void Links::prepare() { static_cast<void>(patternFile()); }

Link& Links::nameless() {
  Link& link = nameless_.emplace_back();
  link.mayBeCut = link.peerEnded = true;
  link.peerSent = kPatternLength;
  return link;
}

Link* Links::somePeer() {
  std::vector<Link*> found;
  forEach([&](Link& link) {
    if (link.peer) found.push_back(&link);
  });
  return found.empty() ? nullptr : found[random_.upTo(found.size() - 1)];
}

Link* Links::someConnection() {
  std::vector<Link*> found;
  forEach([&](Link& link) {
    if (link.up && !link.down) found.push_back(&link);
  });
  return found.empty() ? nullptr : found[random_.upTo(found.size() - 1)];
}

// Either end's port may be the link's own.
bool Links::mayBeCut(int fd) {
  bool known = false;
  for (const auto& address : {SocketAddress::localOf(fd), SocketAddress::peerOf(fd)}) {
    if (!address) continue;
    if (const auto found = links_.find(address->port()); found != links_.end()) {
      found->second.mayBeCut = known = true;
    }
  }
  return known;
}

// --- tern's end ---

void Links::onConnection(Link& link, const TcpConnectionPtr& connection) {
  if (!connection->disconnected()) {
    EXPECT_FALSE(link.up) << "a connection came up twice";
    link.up = true;
    link.connection = connection;
    if (!calm_ && random_.oneIn(4)) act(link);
    return;
  }
  EXPECT_TRUE(link.up) << "a connection went down that was never up";
  EXPECT_FALSE(link.down) << "a connection went down twice";
  log(LogLevel::kInfo, connection->name() + " down: " + connection->closeReason().message());
  link.down = true;
  link.connection.reset();
}

void Links::onMessage(Link& link, Buffer& buffer) {
  EXPECT_TRUE(link.up && !link.down) << "a message of a connection that is not up";
  EXPECT_TRUE(buffer.view() == patternAt(link.consumed, buffer.readableBytes()))
      << "bytes arrived that were not sent, or not there";
  EXPECT_LE(link.consumed + buffer.readableBytes(), link.peerSent);
  const std::size_t all = buffer.readableBytes();
  const std::size_t take = calm_ || random_.oneIn(2) ? all : random_.upTo(all);
  buffer.retrieve(take);
  link.consumed += take;
  link.unread = all - take;
  if (calm_) return;
  if (!buffer.empty() && random_.oneIn(2)) link.connection->showInputAgain();
  if (random_.oneIn(3)) act(link);
  if (random_.oneIn(30)) throw Thrown();
}

void Links::act(Link& link) {
  TcpConnection& connection = *link.connection;
  switch (random_.upTo(9)) {
    case 0:
      return connection.stopRead();
    case 1:
      return connection.startRead();
    case 2:
      if (random_.oneIn(4)) connection.shutdown();
      return;
    case 3:
      if (!random_.oneIn(8)) return;
      link.mayBeCut = true;
      return connection.forceClose();
    case 4:
      if (!random_.oneIn(8)) return;
      link.mayBeCut = true;
      return connection.setDeadline(Clock::now());
    default:
      return send(link);
  }
}

void Links::send(Link& link) {
  TcpConnection& connection = *link.connection;
  if (!connection.connected()) return;
  const std::size_t length = random_.upTo(random_.oneIn(4) ? kMostAtOnce : 200);
  const std::string_view bytes = patternAt(link.sent, length);
  switch (random_.upTo(3)) {
    case 0:
      connection.send(bytes);
      break;
    case 1:
      connection.send(std::string(bytes));
      break;
    case 2:
      connection.send(std::make_shared<const std::string>(bytes));
      break;
    default:
      connection.sendFile(patternFile(), link.sent % kPatternLength, length);
      break;
  }
  link.sent += length;
}

// --- the plain end ---

void Links::peerSend(Link& link) {
  const std::size_t length = random_.upTo(random_.oneIn(4) ? kMostAtOnce : 200);
  const std::string_view bytes = patternAt(link.peerSent, length);
  const ssize_t n =
      ::send(link.peer.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) link.peerSent += static_cast<std::size_t>(n);
}

void Links::peerReceive(Link& link) {
  static std::string block(kMostAtOnce, '\0');
  if (link.peerEnded) return;
  const std::size_t most = calm_ ? block.size() : 1 + random_.upTo(block.size() - 1);
  const ssize_t n = ::recv(link.peer.get(), block.data(), most, MSG_DONTWAIT);
  if (n > 0) {
    const auto length = static_cast<std::size_t>(n);
    EXPECT_TRUE(std::string_view(block).substr(0, length) == patternAt(link.peerReceived, length))
        << "the peer received bytes that were not sent, or not there";
    link.peerReceived += length;
    EXPECT_LE(link.peerReceived, link.sent);
  } else if (n == 0) {
    link.peerEnded = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    EXPECT_TRUE(excused(link)) << "a connection was reset: " << errno;
    link.peerEnded = true;
  }
}

void Links::peerFinish(const Link& link) { ::shutdown(link.peer.get(), SHUT_WR); }

void Links::peerReset(Link& link) {
  const linger now{1, 0};
  ::setsockopt(link.peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  peerClose(link);
}

void Links::peerClose(Link& link) {
  link.mayBeCut = true;
  link.peerEnded = true;
  link.peer.reset();
}

void Links::check() {
  forEach([this](const Link& link) {
    EXPECT_EQ(link.up, link.down) << "each connection that came up goes down";
    EXPECT_TRUE(link.peerEnded) << "its peer hears of the end";
    if (excused(link)) return;
    EXPECT_TRUE(link.up) << "a connection that nothing has touched is served";
    EXPECT_EQ(link.consumed + link.unread, link.peerSent) << "all that the peer sent arrives";
    EXPECT_EQ(link.peerReceived, link.sent) << "all that was sent arrives at the peer";
  });
}

}  // namespace tern::testing
