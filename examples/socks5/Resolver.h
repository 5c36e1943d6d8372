// Resolver: names to addresses without blocking the loop, by c-ares.
#pragma once

#include <ares.h>
#include <tern/net/SocketAddress.h>
#include <tern/net/TimerId.h>
#include <tern/poller/Channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace tern {
class EventLoop;
}

namespace tern::examples {

/// One a loop; the loop's thread. Destroyed, it answers what is pending with a failure.
class Resolver {
 public:
  /// The first address of the name, or nullopt.
  using Callback = std::function<void(std::optional<SocketAddress>)>;

  explicit Resolver(EventLoop& loop);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  /// Answers once, perhaps within the call.
  void resolve(const std::string& name, std::uint16_t port, Callback callback);

 private:
  static void onSocketState(void* self, ares_socket_t fd, int readable, int writable);
  static void onAnswer(void* query, int status, int timeouts, ares_addrinfo* answer);
  void watch(ares_socket_t fd, bool readable, bool writable);
  void process(ares_socket_t readable, ares_socket_t writable);
  void armTimer();

  EventLoop& loop_;
  ares_channel channel_ = nullptr;
  std::unordered_map<ares_socket_t, std::unique_ptr<Channel>> sockets_;
  TimerId timer_;
};

}  // namespace tern::examples
