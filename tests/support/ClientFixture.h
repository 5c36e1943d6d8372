// ClientFixture: a TcpClient on a loop on a thread of its own, for tests that act as its server.
#pragma once

#include <tern/net/TcpClient.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "Peers.h"
#include "ServerFixture.h"

namespace tern::testing {

/// A suite on each poller with a client of `listener`. A test makes the client, plays the server,
/// and returns. After endClient(), any callback fails the test.
class ClientFixture : public OnEachPoller {
 public:
  struct Failure {
    std::error_code error;
    std::optional<Duration> retryIn;
  };
  struct Down {
    TcpConnectionPtr connection;
    std::error_code reason;
  };

 protected:
  void SetUp() override { thread_ = std::make_unique<LoopThread>(GetParam().spec); }
  void TearDown() override;

  /// A client that notes what happens in the mailboxes below; `configure` may set more. Made on
  /// this thread.
  TcpClient& makeClient(const std::function<void(TcpClient&)>& configure = {});
  TcpClient& makeClient(const SocketAddress& server,
                        const std::function<void(TcpClient&)>& configure = {});
  /// Destroys the client on this thread, which is not the loop's.
  void endClient();
  void endClientOnLoop();

  [[nodiscard]] EventLoop& loop() { return thread_->loop(); }
  [[nodiscard]] LoopThread& loopThread() { return *thread_; }
  [[nodiscard]] TcpClient& client() { return *client_; }
  template <class Call>
  auto runOnLoop(Call&& call) {
    return runOn(loop(), std::forward<Call>(call));
  }

  PeerListener listener;

  /// Called in the callbacks, before the mailboxes tell.
  ConnectionCallback onUp;
  ConnectionCallback onDown;
  std::function<void()> onMessage;
  std::function<void()> onConnectError;

  Mailbox<TcpConnectionPtr> ups;
  Mailbox<Down> downs;
  Mailbox<std::string> received;
  Mailbox<Failure> failures;

 private:
  void noteCallback() const;

  std::atomic<bool> ended_{false};
  std::unique_ptr<LoopThread> thread_;
  std::unique_ptr<TcpClient> client_;
};

}  // namespace tern::testing
