// ClientCore: from wanting a connection to having one, and back.
#include "ClientCore.h"

#include <exception>
#include <string>
#include <utility>

#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

ClientCore::ClientCore(EventLoop& loop, const SocketAddress& server)
    : loop_(loop),
      connector_(loop, server),
      connections_([this](const TcpConnection&) { lost(); }) {}

ClientCore::~ClientCore() = default;

void ClientCore::adopt(const ClientSettings& settings) {
  auto callbacks = std::make_shared<const ConnectionCallbacks>(settings.callbacks);
  if (settings.local) connector_.setLocalAddress(*settings.local);
  connector_.setTimeout(settings.connectTimeout);
  connector_.setRetry(settings.retry);
  if (settings.retry) retry_ = *settings.retry;
  connector_.setErrorCallback(settings.connectError);
  connector_.setNewConnectionCallback([this](UniqueFd fd) { connected(std::move(fd)); });
  callbacks_ = std::move(callbacks);
}

void ClientCore::connect(const std::shared_ptr<const ClientSettings>& settings) {
  if (ended_) return;
  if (callbacks_ == nullptr) adopt(*settings);
  const TcpConnectionPtr current = connection();
  if (current == nullptr || !current->connected()) {
    connector_.start();
  } else if (settings->retry) {
    connector_.prepare();
  }
  wanted_ = true;
}

void ClientCore::stop() {
  wanted_ = false;
  connector_.stop();
}

void ClientCore::disconnect() {
  stop();
  if (const TcpConnectionPtr current = connection()) current->shutdown();
}

void ClientCore::end() {
  ended_ = true;
  stop();
  connections_.closeAll();
}

TcpConnectionPtr ClientCore::connection() const {
  const std::lock_guard lock(mutex_);
  return connection_;
}

void ClientCore::connected(UniqueFd fd) {
  // The callbacks may destroy the client, and the connector in whose call this is.
  const std::shared_ptr<ClientCore> self = shared_from_this();
  loop_.connectionAssigned();
  TcpConnectionPtr connection;
  try {
    connection = TcpConnection::open(loop_, std::move(fd), nextId_++, callbacks_, connections_);
  } catch (const std::system_error& error) {
    loop_.connectionGone();
    log(LogLevel::kError,
        [&] { return callbacks_->name + ": a connection can't be used: " + error.what(); });
    connector_.fail(error.code());
    return;
  } catch (...) {
    loop_.connectionGone();
    connector_.fail(std::make_error_code(std::errc::not_enough_memory));
    return;
  }
  upSince_ = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    connection_ = connection;
  }
  connection->connectEstablished();
}

// Before the last callback of the one that goes down. It may be an old one, replaced meanwhile.
void ClientCore::lost() {
  {
    const std::lock_guard lock(mutex_);
    if (connection_ == nullptr || !connection_->disconnected()) return;
    connection_.reset();
  }
  if (!wanted_) return;
  if (Clock::now() - upSince_ >= retry_.first) connector_.resetDelays();
  connector_.startLater();
}

}  // namespace tern
