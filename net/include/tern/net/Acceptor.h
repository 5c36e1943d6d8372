// Acceptor: accepts connections on a loop and survives every error on the way.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>

#include "tern/base/Clock.h"
#include "tern/base/UniqueFd.h"
#include "tern/net/SocketAddress.h"
#include "tern/net/TimerId.h"
#include "tern/poller/Listener.h"

namespace tern {

class EventLoop;
class SocketFile;

/// Out of descriptors or memory it sheds the connections that wait (they see a close rather than
/// silence), pauses for 50 milliseconds, and tries again. Belongs to the loop's thread.
class Acceptor final : private ListenerHandler {
 public:
  /// Receives each connected socket, close-on-exec. May destroy the acceptor.
  using NewConnectionCallback = std::function<void(UniqueFd)>;

  /// Told of each failure to accept, and how many connections were shed for it. Must not destroy
  /// the acceptor.
  using ErrorCallback = std::function<void(std::error_code, std::size_t shed)>;

  /// Binds to the address. With reusePort, several acceptors may share it. The file of a
  /// Unix-domain socket is removed at the end. Throws std::system_error naming the address.
  Acceptor(EventLoop& loop, const SocketAddress& address, bool reusePort = false);
  /// On a socket that is bound already.
  Acceptor(EventLoop& loop, UniqueFd boundSocket);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  /// Stops listening and closes the socket.
  ~Acceptor();

  void setNewConnectionCallback(NewConnectionCallback callback) {
    callback_ = std::make_shared<const NewConnectionCallback>(std::move(callback));
  }

  void setErrorCallback(ErrorCallback callback) { errorCallback_ = std::move(callback); }

  /// Starts accepting; once. Throws std::system_error.
  void listen();
  [[nodiscard]] bool listening() const noexcept { return listener_ != nullptr; }

  /// Where it is bound; the port is the kernel's choice if port 0 was asked for.
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }

 private:
  void onAccept(UniqueFd fd) override;
  void onAcceptError(std::error_code error) override;
  std::size_t shed();
  void pauseForAWhile();
  void keepPlace();
  void goOn();

  EventLoop& loop_;
  UniqueFd socket_;  // until listen() hands it to the listener
  std::unique_ptr<SocketFile> file_;
  SocketAddress address_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<const NewConnectionCallback> callback_;
  ErrorCallback errorCallback_;
  UniqueFd reserve_;      // given up for a moment to accept, and close, what there is no fd for
  TimerId retry_;         // while nothing is wrong, a timer for ever: a pause then takes no memory
  Timestamp quietUntil_;  // when a shortage may be reported again
};

}  // namespace tern
