// ConnectionDeadlines: when a connection is to be closed for want of traffic, or of progress.
#pragma once

#include "tern/base/Clock.h"
#include "tern/net/LazyDeadline.h"

namespace tern {

class TcpConnection;

/// Traffic only stores a time. Made when one is first asked for. The loop's thread.
class ConnectionDeadlines {
 public:
  explicit ConnectionDeadlines(TcpConnection& owner);

  /// Bytes have come, or gone.
  void touch(Timestamp now) noexcept { active_ = now; }
  /// Zero or less, and kForever: no limit.
  void setIdleTimeout(Duration timeout);
  void setDeadline(Timestamp when);

 private:
  void update();
  void onTick();

  TcpConnection& owner_;
  Duration idleTimeout_ = kForever;
  Timestamp active_;
  Timestamp deadline_ = Timestamp::max();
  LazyDeadline next_;
};

}  // namespace tern
