// Churn: timers and functors by the thousand, from another thread and on the loop itself.
#pragma once

#include "Tally.h"
#include "unit/Randomness.h"

namespace tern {
class EventLoop;
}

namespace tern::soak {

/// A burst on this loop, which must outlive the call: what it leaves there runs or is dropped
/// within a fraction of a second.
void churn(EventLoop& loop, Tally& tally, testing::Randomness& random);

}  // namespace tern::soak
