// SignalWatcher: signalfd on a channel.
#include "tern/net/SignalWatcher.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "tern/base/Error.h"
#include "tern/net/EventLoop.h"
#include "tern/poller/Poller.h"

namespace tern {
namespace {

sigset_t setOf(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

UniqueFd openSignalFd(std::initializer_list<int> signals) {
  const sigset_t set = setOf(signals);
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) throwSystemError(errno, "signalfd()");
  return fd;
}

}  // namespace

SignalWatcher::SignalWatcher(EventLoop& loop, std::initializer_list<int> signals, Callback callback)
    : fd_(openSignalFd(signals)),
      channel_(loop.poller(), fd_.get()),
      callback_(std::move(callback)) {
  channel_.setReadCallback([this](Timestamp) { onReadable(); });
  channel_.enableReading();
  const sigset_t set = setOf(signals);
  sigset_t before;
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, &before); error != 0) {
    throwSystemError(error, "pthread_sigmask()");
  }
  ::sigemptyset(&blocked_);
  for (const int signal : signals) {
    if (::sigismember(&before, signal) == 0) ::sigaddset(&blocked_, signal);
  }
}

// Only what this watcher blocked: another one may watch other signals. One that is pending would
// end the process the moment it is unblocked, in the middle of an orderly end.
SignalWatcher::~SignalWatcher() {
  constexpr timespec kNoWait{};
  while (::sigtimedwait(&blocked_, nullptr, &kNoWait) > 0) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &blocked_, nullptr);
}

void SignalWatcher::onReadable() {
  signalfd_siginfo info{};
  // One a turn; the channel reports the next. The copy lets the callback destroy the watcher.
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  const Callback callback = callback_;
  callback(static_cast<int>(info.ssi_signo));
}

}  // namespace tern
