// Caller: one TcpClient of the soak: talks, ends its connection in some way, and comes again.
#pragma once

#include <tern/net/Callbacks.h>
#include <tern/net/SocketAddress.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TimerId.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "Conversation.h"
#include "Tally.h"
#include "unit/Randomness.h"

namespace tern::soak {

/// Made and used on its loop's thread; destroyed on any, while the loop runs, after retire().
class Caller {
 public:
  Caller(EventLoop& loop, const SocketAddress& server, Tally& tally, std::uint32_t seed);
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() = default;

  /// Makes and keeps up a connection.
  void go();
  /// Finishes its conversation, and ends.
  void rest();
  /// It will be destroyed: nothing of it waits for a timer from now on.
  void retire();
  /// Has no connection and wants none.
  [[nodiscard]] bool resting() const { return resting_ && !connected_; }
  [[nodiscard]] std::string state() const;

 private:
  void onConnection(const TcpConnectionPtr& connection);
  void onUp(const TcpConnectionPtr& connection);
  void onDown(const TcpConnectionPtr& connection);
  void onMessage(const TcpConnectionPtr& connection, Buffer& buffer);
  void goOn(const TcpConnectionPtr& connection);
  void askSomething();
  void askAFew(const TcpConnectionPtr& connection);
  void sendPending(const TcpConnectionPtr& connection);
  void sendPart(const TcpConnectionPtr& connection, std::string_view part);
  void end(const TcpConnectionPtr& connection);

  EventLoop& loop_;
  Tally& tally_;
  testing::Randomness random_;
  std::optional<Conversation> conversation_;
  std::size_t left_ = 0;    // requests until this connection has had enough
  std::uint64_t mark_ = 0;  // before the attempt that made the connection
  bool resting_ = true;
  bool connected_ = false;
  bool mayLose_ = false;  // this connection ends in a way that costs replies
  bool retired_ = false;
  bool paused_ = false;
  TimerId pause_;
  TcpClient client_;  // last: nothing of it calls back when the rest goes
};

}  // namespace tern::soak
