// CodecFixture: a server that speaks a codec, and notes what its connections tell.
#pragma once

#include <tern/codec/FrameCallbacks.h>

#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "Splits.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {

/// Its events, in order: "frame hello", "error frame too long", and "closed, unread ab" when a
/// connection is down, with what is in its input buffer then.
class CodecFixture : public ServerFixture {
 protected:
  using Then = std::function<void(const TcpConnectionPtr&, std::string_view)>;

  CodecFixture() {
    onDown = [this](const TcpConnectionPtr& connection) {
      events_.put("closed, unread " + std::string(connection->inputBuffer()->view()));
    };
  }

  /// Notes a frame, and then does what the test wants of it.
  FrameCallback noteFrame(const Then& then = {}) {
    return [this, then](const TcpConnectionPtr& connection, std::string_view frame, Timestamp) {
      events_.put("frame " + std::string(frame));
      if (then) then(connection, frame);
    };
  }
  FrameErrorCallback noteError(const std::function<void(const TcpConnectionPtr&)>& then = {}) {
    return [this, then](const TcpConnectionPtr& connection, std::error_code error) {
      events_.put("error " + error.message());
      if (then) then(connection);
    };
  }

  /// Sends one piece after the other, giving the loop time to see each by itself. That the server
  /// may close meanwhile is not this function's business.
  void sendApart(Peer& peer, const Pieces& pieces) {
    for (const std::string_view piece : pieces) {
      (void)peer.sendNow(piece);
      letTheLoopTurn(2);
    }
  }
  /// Waits for the loop to do what it has to do by now.
  void letTheLoopTurn(int times = 20) {
    for (int i = 0; i < times; ++i) runOnLoop([] {});
  }

  void expectEvents(const std::vector<std::string>& expected) {
    std::vector<std::string> got;
    for (std::size_t i = 0; i < expected.size(); ++i) got.push_back(events_.take());
    EXPECT_EQ(got, expected);
  }
  void expectNoEvent() {
    letTheLoopTurn();
    EXPECT_EQ(events_.size(), 0U);
  }

  Mailbox<std::string> events_;
};

}  // namespace tern::testing
