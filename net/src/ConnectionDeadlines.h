// ConnectionDeadlines: when a connection is to be closed for want of traffic, or of progress.
#pragma once

#include "tern/base/Clock.h"
#include "tern/net/TimerId.h"

namespace tern {

class TcpConnection;

/// Traffic and new deadlines only store a time: the one timer, once it has fired, finds out
/// whether anything is due yet, and waits on. So its cost grows with time, not with traffic. Made
/// when one is first asked for. The loop's thread.
class ConnectionDeadlines {
 public:
  explicit ConnectionDeadlines(TcpConnection& owner);
  ConnectionDeadlines(const ConnectionDeadlines&) = delete;
  ConnectionDeadlines& operator=(const ConnectionDeadlines&) = delete;
  ~ConnectionDeadlines();

  /// Bytes have come, or gone.
  void touch(Timestamp now) noexcept { active_ = now; }
  /// Zero or less, and kForever: no limit.
  void setIdleTimeout(Duration timeout);
  void setDeadline(Timestamp when);

 private:
  [[nodiscard]] Timestamp due() const noexcept;
  void arm();
  void onTimer();

  TcpConnection& owner_;
  Duration idleTimeout_ = kForever;
  Timestamp active_;
  Timestamp deadline_ = Timestamp::max();
  Timestamp armedFor_ = Timestamp::max();  // when the timer fires; max: there is none
  TimerId timer_;
};

}  // namespace tern
