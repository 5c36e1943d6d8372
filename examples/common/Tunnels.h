// Tunnels: for servers whose connections are joined to others, as a proxy's are.
#pragma once

#include <tern/net/SocketAddress.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <unordered_map>

namespace tern::examples {

/// The onward connections of one loop. The loop's thread.
class Tunnels {
 public:
  /// Called once: without an error, `from` is joined to `to`, and what is sent to it now arrives
  /// before anything that `to` sends.
  using Opened = std::function<void(std::error_code, const TcpConnectionPtr& from,
                                    const TcpConnectionPtr& to)>;

  explicit Tunnels(EventLoop& loop) : loop_(loop) {}

  /// Connects to the address, and joins `from` to it. Until then `from` is not read from. When
  /// `from` closes before that, nothing is called.
  void open(const TcpConnectionPtr& from, const SocketAddress& address, const Opened& opened);

 private:
  void endSoon(std::uint64_t id);

  EventLoop& loop_;
  std::uint64_t lastId_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<TcpClient>> clients_;
};

}  // namespace tern::examples
