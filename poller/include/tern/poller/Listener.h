// Listener: a listening socket that hands out accepted descriptors.
#pragma once

#include <system_error>

#include "tern/base/UniqueFd.h"

namespace tern {

/// Called on the poller's thread, from within Poller::poll() only. Each may destroy the listener.
class ListenerHandler {
 public:
  /// A connected socket, close-on-exec.
  virtual void onAccept(UniqueFd fd) = 0;
  /// Accepting failed. The listener goes on: it tries again at once unless the handler pauses it,
  /// which it should for errors that last (no descriptors, no memory).
  virtual void onAcceptError(std::error_code error) = 0;

 protected:
  ~ListenerHandler() = default;
};

/// Owns its fd. Made by Poller::openListener(), accepting. Belongs to the poller's thread; the
/// poller and the handler must outlive it. Destroying it closes the socket and what it had accepted
/// but not handed out.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// No callback after it returns. Connections wait in the kernel's backlog; those accepted
  /// meanwhile are kept until resume().
  virtual void pause() = 0;
  virtual void resume() = 0;

  [[nodiscard]] virtual int fd() const noexcept = 0;
};

}  // namespace tern
