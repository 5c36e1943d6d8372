// Tunnels: a TcpClient for each, which lives until its connection is down.
#include "Tunnels.h"

#include <tern/net/EventLoop.h>
#include <tern/net/Relay.h>

#include <utility>

namespace tern::examples {

void Tunnels::open(const TcpConnectionPtr& from, const SocketAddress& address,
                   const Opened& opened) {
  const std::uint64_t id = ++lastId_;
  const std::weak_ptr<TcpConnection> asking = from;
  auto client = std::make_unique<TcpClient>(&loop_, address, "onward");
  client->setConnectionCallback([this, id, asking, opened](const TcpConnectionPtr& to) {
    const TcpConnectionPtr self = asking.lock();
    if (to->disconnected()) {
      endSoon(id);
    } else if (self == nullptr || self->disconnected()) {
      to->forceClose();
    } else {
      opened({}, self, to);
      relay(self, to);
      self->startRead();
    }
  });
  client->setConnectErrorCallback([this, id, asking, opened](std::error_code error, auto) {
    endSoon(id);
    const TcpConnectionPtr self = asking.lock();
    if (self != nullptr && !self->disconnected()) opened(error, self, nullptr);
  });
  from->stopRead();
  client->connect();
  clients_.emplace(id, std::move(client));
}

// Not now: this is called from within the client.
void Tunnels::endSoon(std::uint64_t id) {
  loop_.queueInLoop([this, id] { clients_.erase(id); });
}

}  // namespace tern::examples
