// SigpipeBlock: no SIGPIPE from this thread, for system calls that have no flag against it.
#pragma once

#include <csignal>
#include <ctime>

namespace tern {

/// While it lives, SIGPIPE is blocked on this thread; one that came meanwhile is taken away. The
/// process's own handling stays as it is.
class SigpipeBlock {
 public:
  SigpipeBlock() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigemptyset(&pending);
    ::sigpending(&pending);
    wasPending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  ~SigpipeBlock() {
    const timespec atOnce{};
    if (!wasPending_) ::sigtimedwait(&pipe_, nullptr, &atOnce);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool wasPending_ = false;
};

}  // namespace tern
