// SignalWatcher: Unix signals as events of a loop, through signalfd.
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>

#include "tern/base/UniqueFd.h"
#include "tern/poller/Channel.h"

namespace tern {

class EventLoop;

/// While it lives, the signals are blocked on the thread that made it, and on threads started from
/// it, and are handed to the callback on the loop instead: an ordinary call, in which everything is
/// allowed. Make it before any other thread is started, or those still die of the signal. Belongs
/// to the loop's thread.
class SignalWatcher {
 public:
  using Callback = std::function<void(int signal)>;

  /// Throws std::system_error when the signals can't be watched.
  SignalWatcher(EventLoop& loop, std::initializer_list<int> signals, Callback callback);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  /// Unblocks on this thread the signals that it blocked; one that came and was not handed over yet
  /// is dropped.
  ~SignalWatcher();

 private:
  void onReadable();

  sigset_t blocked_{};  // those that were not before
  UniqueFd fd_;
  Channel channel_;
  Callback callback_;
};

}  // namespace tern
