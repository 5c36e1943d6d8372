// Channel: remote calls from a client, many at a time over one connection.
#pragma once

#include <google/protobuf/service.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "tern/base/Clock.h"
#include "tern/net/RetryPolicy.h"
#include "tern/net/SocketAddress.h"
#include "tern/rpc/Controller.h"

namespace tern {
class EventLoop;
class TcpClient;
}  // namespace tern

namespace tern::rpc {

class ChannelCore;

/// What a Channel may be told.
struct ChannelOptions {
  /// Of calls whose controller has none: from CallMethod() on. kForever: no deadline.
  Duration timeout = std::chrono::seconds(10);
  /// How failed attempts to connect, and lost connections, are followed by another attempt;
  /// nothing: they are not.
  std::optional<RetryPolicy> retry = RetryPolicy{};
  Duration connectTimeout = std::chrono::seconds(10);
  /// Calls beyond either bound fail at once with kTooManyInFlight.
  std::size_t maxInFlight = 1024;
  std::size_t maxInFlightBytes = std::size_t{64} << 20U;  ///< of their requests
  /// Of a frame: a message, the method's name, and 20 bytes. The server's should be the same.
  std::size_t maxFrame = std::size_t{4} << 20U;
};

/// Give it to the constructor of a service's stub. It connects at once, and again when the
/// connection was lost.
///
/// A call made while there is no connection waits for one: it is sent as soon as there is, and
/// fails with kUnavailable when an attempt to connect fails, or at its deadline. Calls that were
/// sent fail with kUnavailable when their connection is lost. They are not repeated: whether the
/// server has run them is not known.
///
/// The results of calls that complete in one message callback, and the calls made in their `done`,
/// share a system call: calls from the loop's thread are the cheapest.
class Channel final : public google::protobuf::RpcChannel {
 public:
  /// Any thread. The loop must outlive the channel.
  Channel(EventLoop* loop, const SocketAddress& server) : Channel(loop, server, ChannelOptions()) {}
  Channel(EventLoop* loop, const SocketAddress& server, const ChannelOptions& options);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Fails what is in flight with kClosed; each `done` has run when it returns. Any thread, also in
  /// `done`; no other thread may call meanwhile. On a thread other than the loop's it waits for the
  /// loop, which must be running then, and for a callback that runs, which therefore must not wait
  /// for this thread. What a `done` throws here is logged.
  ~Channel() override;

  /// For stubs. Any thread. `controller` is a Controller. Controller, response and `done` must live
  /// until `done` runs: exactly once, whatever happens, on the loop's thread, not inside this call.
  /// The request need only live until this returns. When the call fails the response may be
  /// changed.
  ///
  /// Without `done`, waits for the outcome; that aborts with a sentence on the loop's thread, and
  /// the loop must be running.
  void CallMethod(const google::protobuf::MethodDescriptor* method,
                  google::protobuf::RpcController* controller,
                  const google::protobuf::Message* request, google::protobuf::Message* response,
                  google::protobuf::Closure* done) override;

  /// Any thread.
  [[nodiscard]] bool connected() const;
  /// Calls whose `done` is still to come from the server, a deadline or a lost connection. Any
  /// thread.
  [[nodiscard]] std::size_t inFlight() const;
  [[nodiscard]] EventLoop* getLoop() const noexcept { return &loop_; }

 private:
  void end();

  EventLoop& loop_;
  std::shared_ptr<ChannelCore> core_;
  std::unique_ptr<TcpClient> client_;
};

}  // namespace tern::rpc
