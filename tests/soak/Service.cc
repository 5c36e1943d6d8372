// Service: requests, one after the other, and the answers to them.
#include "Service.h"

#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>

#include <algorithm>
#include <any>
#include <chrono>
#include <stdexcept>
#include <string>

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHighMark = std::size_t{512} * 1024;
constexpr std::size_t kLowMark = std::size_t{64} * 1024;
// For a peer that died without a word; none of ours is silent for so long unless it asks for it.
constexpr auto kIdleTimeout = 90s;

}  // namespace

struct Service::Session {
  Token token;
  Header sink;           // the request whose bytes are coming in
  std::size_t left = 0;  // of them
};

void Service::serveOn(TcpServer& server) {
  server.setConnectionCallback(
      [this](const TcpConnectionPtr& connection) { onConnection(connection); });
  server.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    onMessage(connection, *buffer);
  });
  server.setHighWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->stopRead(); }, kHighMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->startRead(); }, kLowMark);
  server.setIdleTimeout(kIdleTimeout);
}

void Service::onConnection(const TcpConnectionPtr& connection) {
  if (connection->connected()) {
    ++tally_.connections;
    auto session = std::make_shared<Session>();
    session->token = liveToken(tally_);
    connection->setContext(std::move(session));
    return;
  }
  const std::lock_guard lock(mutex_);
  subscribers_.erase(connection.get());
}

void Service::onMessage(const TcpConnectionPtr& connection, Buffer& buffer) {
  Session& session = *std::any_cast<const std::shared_ptr<Session>&>(connection->getContext());
  while (!buffer.empty()) {
    if (!connection->isReading()) {
      // Above the mark, or closing: the rest is for when it reads again.
      connection->showInputAgain();
      return;
    }
    const bool took = session.left > 0 ? takeBytes(connection, session, buffer)
                                       : takeRequest(connection, session, buffer);
    if (!took) return;
  }
}

bool Service::takeBytes(const TcpConnectionPtr& connection, Session& session, Buffer& buffer) {
  const std::string_view part = buffer.view().substr(0, session.left);
  const auto place =
      static_cast<std::uint32_t>(session.sink.offset + session.sink.length - session.left);
  if (part != patternAt(place, part.size())) tally_.fail("the server: wrong bytes in a request");
  tally_.bytes += part.size();
  session.left -= part.size();
  buffer.retrieve(part.size());
  if (session.left == 0) connection->send(asBytes(session.sink));
  return true;
}

bool Service::takeRequest(const TcpConnectionPtr& connection, Session& session, Buffer& buffer) {
  if (buffer.readableBytes() < sizeof(Header)) return false;
  const Header header = headerOf(buffer.view());
  if (header.magic != Header::kMagic || header.length > kPatternPeriod) {
    if (!buffer.view().starts_with(kNonsense))
      tally_.fail("the server: a request without a header");
    buffer.retrieveAll();
    connection->forceClose();
    return false;
  }
  if (header.op == Op::kEcho) {
    const std::size_t whole = sizeof(Header) + header.length;
    if (buffer.readableBytes() < whole) return false;
    const std::string_view frame = buffer.view().substr(0, whole);
    if (frame.substr(sizeof(Header)) != patternAt(header.offset, header.length)) {
      tally_.fail("the server: wrong bytes in a request to be echoed");
    }
    tally_.bytes += header.length;
    ++tally_.messages;
    connection->send(frame);
    buffer.retrieve(whole);
    return true;
  }
  buffer.retrieve(sizeof(Header));
  ++tally_.messages;
  if (header.op == Op::kSink) {
    session.sink = header;
    session.left = header.length;
    if (session.left == 0) connection->send(asBytes(header));
    return true;
  }
  answer(connection, header);
  return true;
}

void Service::answer(const TcpConnectionPtr& connection, const Header& header) {
  switch (header.op) {
    case Op::kGet:
      return answerGet(connection, header);
    case Op::kFile:
      connection->send(asBytes(header));
      return connection->sendFile(patternFile(), header.offset, header.length);
    case Op::kLater:
      return answerLater(connection, header);
    case Op::kSubscribe: {
      const std::lock_guard lock(mutex_);
      subscribers_.emplace(connection.get(), connection);
      break;
    }
    case Op::kBroadcast:
      broadcast(header);
      break;
    case Op::kIdle:
      connection->setIdleTimeout(std::chrono::milliseconds(header.delayMs));
      break;
    case Op::kThrow:
      connection->send(asBytes(header));
      connection->showInputAgain();
      throw std::runtime_error("asked for by the soak");
    case Op::kBye:
      connection->send(asBytes(header));
      return connection->shutdown();
    case Op::kDrop:
      return connection->forceClose();
    default:
      tally_.fail("the server: a request of no known sort");
      return;
  }
  connection->send(asBytes(header));
}

void Service::answerGet(const TcpConnectionPtr& connection, const Header& header) {
  switch (header.id % 3) {
    case 0:
      return connection->send(frameOf(header));
    case 1:
      return connection->send(std::make_shared<const std::string>(frameOf(header)));
    default:
      connection->send(asBytes(header));
      return connection->send(patternAt(header.offset, header.length));
  }
}

// By a timer, whose reply may find the connection gone.
void Service::answerLater(const TcpConnectionPtr& connection, const Header& header) {
  ++tally_.timers;
  connection->getLoop()->runAfter(
      std::chrono::milliseconds(header.delayMs),
      [connection, header, token = liveToken(tally_)] { connection->send(frameOf(header)); });
}

std::vector<TcpConnectionPtr> Service::subscribers() const {
  std::vector<TcpConnectionPtr> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [raw, weak] : subscribers_) {
    if (TcpConnectionPtr connection = weak.lock()) result.push_back(std::move(connection));
  }
  return result;
}

void Service::broadcast(const Header& header) {
  Header sent = header;
  sent.op = Op::kBroadcast;
  sent.id = 0;
  const auto frame = std::make_shared<const std::string>(frameOf(sent));
  for (const TcpConnectionPtr& connection : subscribers()) connection->send(frame);
}

}  // namespace tern::soak
