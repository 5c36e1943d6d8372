// Links: the model of a random scenario: TCP connections with tern at one end and a plain socket at
// the other, and what must hold of each whatever goes wrong in between.
#pragma once

#include <tern/base/Buffer.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/Callbacks.h>
#include <tern/net/TcpConnection.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "unit/Randomness.h"

namespace tern::testing {

/// What an exception of a user's callback is in these tests.
struct Thrown {};

/// One connection. Bytes both ways are the pattern, so that the counts say it all.
struct Link {
  // The plain socket.
  UniqueFd peer;  ///< none: it is closed, or has never been
  std::size_t peerSent = 0;
  std::size_t peerReceived = 0;
  bool peerEnded = false;  ///< it saw the end of the stream, or closed

  // tern's end.
  TcpConnectionPtr connection;
  std::size_t sent = 0;
  std::size_t consumed = 0;
  std::size_t unread = 0;  ///< what its user left in the buffer
  bool up = false;
  bool down = false;

  /// Something happened that may cost bytes: a fault, a reset, a close by force.
  bool mayBeCut = false;
};

/// All links of a scenario, by the port of the end that is the link's own. What must not be is
/// reported to GoogleTest.
class Links {
 public:
  explicit Links(Randomness& random) : random_(random) {}

  /// Opens the descriptors that all of them share.
  static void prepare();

  Link& at(std::uint16_t port) { return links_[port]; }
  /// A connection of tern's whose peer had gone before it could be asked for its address.
  Link& nameless();
  template <class Call>
  void forEach(Call&& call) {
    for (auto& [port, link] : links_) call(link);
    for (Link& link : nameless_) call(link);
  }
  /// One of those that have a plain socket; nullptr when there are none.
  Link* somePeer();
  /// One of those that are up.
  Link* someConnection();
  /// Notes it for the link of which this is a descriptor; false when the kernel does not tell any
  /// more whose it is.
  bool mayBeCut(int fd);
  /// Those that are not up may be closed instead of served.
  void turnAway() { turnedAway_ = true; }

  // --- tern's end, in its callbacks ---

  void onConnection(Link& link, const TcpConnectionPtr& connection);
  /// Checks the bytes, reads some of them, and may do what a user might.
  void onMessage(Link& link, Buffer& buffer);
  /// Something that a user may do at any time on the loop's thread.
  void act(Link& link);
  /// From now on all is read as it comes, and nothing is done besides.
  void calmDown() { calm_ = true; }

  // --- the plain end ---

  void peerSend(Link& link);
  void peerReceive(Link& link);
  static void peerFinish(const Link& link);
  void peerReset(Link& link);
  static void peerClose(Link& link);

  /// At the end: each was up once and down once, and has lost nothing, unless it may have.
  void check();

 private:
  void send(Link& link);
  [[nodiscard]] bool excused(const Link& link) const {
    return link.mayBeCut || (turnedAway_ && !link.up);
  }

  Randomness& random_;
  std::map<std::uint16_t, Link> links_;
  std::deque<Link> nameless_;
  bool turnedAway_ = false;
  bool calm_ = false;
};

}  // namespace tern::testing
