// ThreadCheck: remembers the thread that owns an object and tells whether this is it.
#pragma once

#include <string>

#include "tern/base/Error.h"

namespace tern {

/// Belongs to the thread that constructs it.
class ThreadCheck {
 public:
  [[nodiscard]] bool isOwner() const noexcept { return owner_ == thisThread(); }

  /// Aborts with a sentence naming `what` when called from another thread: a broken contract.
  void require(const char* what) const noexcept {
    if (!isOwner()) fail(what);
  }

  /// Names the calling thread while it lives, in one instruction; never null.
  static const void* thisThread() noexcept {
    static constinit thread_local char own = 0;
    return &own;
  }

 private:
  [[noreturn]] static void fail(const char* what) noexcept {
    contractViolation(std::string(what) +
                      " was called from a thread that does not own the loop; use runInLoop() or "
                      "queueInLoop()");
  }

  const void* owner_ = thisThread();
};

}  // namespace tern
