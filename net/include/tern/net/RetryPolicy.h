// RetryPolicy: how long a client waits before it tries to connect again.
#pragma once

#include "tern/base/Clock.h"

namespace tern {

/// The first delay doubles with each attempt up to the longest. What is waited is chosen at random
/// between half of that and all of it, so that the clients of a server that was away do not come
/// back all at once (exponential backoff with equal jitter, Brooker 2015). Delays of zero or less
/// become 1 millisecond.
struct RetryPolicy {
  Duration first = std::chrono::milliseconds(500);
  Duration longest = std::chrono::seconds(30);
};

}  // namespace tern
