// TcpClient: the handle; what it does happens in its ClientCore, on the loop.
#include "tern/net/TcpClient.h"

#include <cerrno>
#include <new>
#include <utility>

#include "CallAndWait.h"
#include "ClientCore.h"
#include "tern/base/Error.h"
#include "tern/net/EventLoop.h"

namespace tern {

TcpClient::TcpClient(EventLoop* loop, const SocketAddress& server, std::string name)
    : loop_(*loop),
      settings_(std::make_shared<ClientSettings>()),
      core_(std::make_shared<ClientCore>(*loop, server)) {
  settings_->callbacks.name = std::move(name);
}

TcpClient::~TcpClient() {
  callAndWait(loop_, [this] { core_->end(); });
}

ClientSettings& TcpClient::settings() {
  if (frozen_) {
    contractViolation("a setting of TcpClient '" + name() + "' was changed after connect()");
  }
  return *settings_;
}

ConnectionCallbacks& TcpClient::editCallbacks() { return settings().callbacks; }

void TcpClient::setConnectErrorCallback(ConnectErrorCallback callback) {
  settings().connectError = std::move(callback);
}

void TcpClient::setConnectTimeout(Delay timeout) { settings().connectTimeout = timeout.value(); }

void TcpClient::setRetry(const RetryPolicy& policy) { settings().retry = policy; }

void TcpClient::setLocalAddress(const SocketAddress& address) { settings().local = address; }

void TcpClient::connect() {
  frozen_ = true;
  if (loop_.isInLoopThread()) {
    core_->connect(settings_);
    return;
  }
  loop_.queueInLoop([core = core_, settings = settings_] {
    try {
      core->connect(settings);
    } catch (const std::bad_alloc&) {
      if (settings->connectError) settings->connectError(systemError(ENOMEM), std::nullopt);
    }
  });
}

void TcpClient::disconnect() {
  loop_.runInLoop([core = core_] { core->disconnect(); });
}

void TcpClient::stop() {
  loop_.runInLoop([core = core_] { core->stop(); });
}

TcpConnectionPtr TcpClient::connection() const { return core_->connection(); }

const std::string& TcpClient::name() const noexcept { return settings_->callbacks.name; }

}  // namespace tern
