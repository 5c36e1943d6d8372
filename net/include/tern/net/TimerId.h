// TimerId: the name of a timer, for cancelling it.
#pragma once

#include <cstdint>

#include "tern/base/SlotTable.h"

namespace tern {

/// A value, copied freely and across threads. A stale one never names a newer timer. The default
/// names none.
class TimerId {
 public:
  TimerId() = default;
  friend bool operator==(TimerId, TimerId) = default;

 private:
  friend class TimerQueue;
  explicit TimerId(SlotId slot) : slot_(slot) {}
  explicit TimerId(std::uint64_t ticket) : ticket_(ticket) {}

  SlotId slot_;
  std::uint64_t ticket_ = 0;  // of a timer added from another thread, which has no slot yet
};

}  // namespace tern
