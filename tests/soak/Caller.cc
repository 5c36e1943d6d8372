// Caller: what it asks for, and the ways in which it ends a connection.
#include "Caller.h"

#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/RetryPolicy.h>
#include <tern/net/TcpConnection.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWindow = 8;
constexpr RetryPolicy kRetry{5ms, 100ms};
constexpr auto kConnectTimeout = 20s;

}  // namespace

Caller::Caller(EventLoop& loop, const SocketAddress& server, Tally& tally, std::uint32_t seed)
    : loop_(loop), tally_(tally), random_(seed), client_(&loop, server, "caller") {
  client_.setRetry(kRetry);
  client_.setConnectTimeout(kConnectTimeout);
  client_.setConnectErrorCallback(
      [this](std::error_code, std::optional<Duration>) { mark_ = tally_.mark(); });
  client_.setConnectionCallback(
      [this](const TcpConnectionPtr& connection) { onConnection(connection); });
  client_.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    onMessage(connection, *buffer);
  });
}

void Caller::go() {
  resting_ = false;
  mark_ = tally_.mark();
  // One that still drains is followed by the next when it is down: they would share a conversation.
  if (!connected_) client_.connect();
}

void Caller::rest() {
  resting_ = true;
  left_ = 0;
  if (!connected_ || conversation_->settled()) client_.disconnect();
}

void Caller::retire() {
  resting_ = true;
  retired_ = true;
  loop_.cancel(pause_);
}

std::string Caller::state() const {
  return connected_ ? conversation_->state() : std::string("not connected");
}

void Caller::onConnection(const TcpConnectionPtr& connection) {
  if (connection->connected()) {
    onUp(connection);
  } else {
    onDown(connection);
  }
}

void Caller::onUp(const TcpConnectionPtr& connection) {
  connected_ = true;
  mayLose_ = false;
  conversation_.emplace(tally_, "a client");
  left_ = resting_ ? 0 : random_.upTo(300);
  conversation_->ask(Op::kSubscribe);
  askAFew(connection);
}

void Caller::onDown(const TcpConnectionPtr& connection) {
  connected_ = false;
  loop_.cancel(pause_);
  paused_ = false;
  if (!mayLose_ && !retired_ && !conversation_->settled() && tally_.calmSince(mark_)) {
    tally_.fail("a client: its connection was lost (" + connection->closeReason().message() +
                "), with " + conversation_->state());
  }
  conversation_.reset();
  mark_ = tally_.mark();
  if (!resting_) client_.connect();
}

void Caller::onMessage(const TcpConnectionPtr& connection, Buffer& buffer) {
  conversation_->hear(buffer.view());
  buffer.retrieveAll();
  goOn(connection);
}

void Caller::goOn(const TcpConnectionPtr& connection) {
  if (mayLose_ || paused_) return;
  if (left_ == 0) {
    if (conversation_->settled()) end(connection);
    return;
  }
  if (conversation_->outstanding() >= kWindow / 2) return;
  if (random_.oneIn(3)) {
    askAFew(connection);
    return;
  }
  paused_ = true;
  pause_ = loop_.runAfter(std::chrono::microseconds(random_.upTo(20'000)),
                          [this, connection, token = liveToken(tally_)] {
                            paused_ = false;
                            if (left_ > 0) {
                              askAFew(connection);
                            } else {
                              goOn(connection);
                            }
                          });
  ++tally_.timers;
}

void Caller::askAFew(const TcpConnectionPtr& connection) {
  for (std::size_t n = random_.upTo(kWindow); n > 0 && left_ > 0; --n, --left_) askSomething();
  sendPending(connection);
  goOn(connection);
}

void Caller::askSomething() {
  const auto offset = static_cast<std::uint32_t>(random_.upTo(kPatternPeriod - 1));
  const auto small = static_cast<std::uint32_t>(random_.upTo(1000));
  switch (random_.upTo(19)) {
    case 0:
      return conversation_->ask(Op::kEcho, static_cast<std::uint32_t>(random_.upTo(kMostEcho)),
                                offset);
    case 1:
      return conversation_->ask(Op::kSink, static_cast<std::uint32_t>(random_.upTo(200'000)),
                                offset);
    case 2:
      return conversation_->ask(Op::kGet, static_cast<std::uint32_t>(random_.upTo(400'000)),
                                offset);
    case 3:
      return conversation_->ask(Op::kFile, static_cast<std::uint32_t>(random_.upTo(300'000)),
                                offset);
    case 4:
      return conversation_->ask(Op::kBroadcast, small, offset);
    case 5:
      return conversation_->ask(Op::kThrow);
    case 6:
    case 7:
    case 8:
      return conversation_->ask(Op::kLater, small, offset,
                                static_cast<std::uint16_t>(random_.upTo(30)));
    default:
      return conversation_->ask(Op::kEcho, small, offset);
  }
}

void Caller::sendPending(const TcpConnectionPtr& connection) {
  for (std::string_view part = conversation_->pending(); !part.empty();
       part = conversation_->pending()) {
    sendPart(connection, part);
    conversation_->sent(part.size());
  }
}

// In each of the ways there are.
void Caller::sendPart(const TcpConnectionPtr& connection, std::string_view part) {
  switch (random_.upTo(3)) {
    case 0:
      return connection->send(std::string(part));
    case 1:
      return connection->send(std::make_shared<const std::string>(part));
    case 2:
      if (conversation_->sendingBytes()) {
        return connection->sendFile(patternFile(), conversation_->sending().offset, part.size());
      }
      [[fallthrough]];
    default:
      return connection->send(part);
  }
}

void Caller::end(const TcpConnectionPtr& connection) {
  mayLose_ = true;
  if (resting_) return client_.disconnect();
  switch (random_.upTo(3)) {
    case 0:
      return client_.disconnect();
    case 1:
      conversation_->ask(Op::kBye);
      return sendPending(connection);
    case 2:
      conversation_->ask(Op::kDrop);
      return sendPending(connection);
    default:
      conversation_->ask(Op::kGet, 300'000);
      sendPending(connection);
      return connection->forceClose();
  }
}

}  // namespace tern::soak
