// ThreadCheck: remembers the thread that owns an object and tells whether this is it.
#pragma once

#include <string>

#include "tern/base/Error.h"

namespace tern {

/// Belongs to the thread that constructs it.
class ThreadCheck {
 public:
  [[nodiscard]] bool isOwner() const noexcept { return owner_ == mark(); }

  /// Aborts with a sentence naming `what` when called from another thread: a broken contract.
  void require(const char* what) const noexcept {
    if (!isOwner()) fail(what);
  }

 private:
  [[noreturn]] static void fail(const char* what) noexcept {
    contractViolation(std::string(what) +
                      " was called from a thread that does not own the loop; use runInLoop() or "
                      "queueInLoop()");
  }

  // The address of a thread's own variable tells threads apart without a call.
  static const void* mark() noexcept {
    static constinit thread_local char own = 0;
    return &own;
  }

  const void* owner_ = mark();
};

}  // namespace tern
