// Relay: two connections joined, so that what comes in on one goes out on the other.
#pragma once

#include <cstddef>

#include "tern/base/Clock.h"
#include "tern/net/Callbacks.h"

namespace tern {

struct RelayOptions {
  /// With more than the high mark waiting for one end, the other is not read from until all but the
  /// low mark is sent: what a relay holds at most, each way.
  std::size_t highMark = std::size_t{1024} * 1024;
  std::size_t lowMark = std::size_t{256} * 1024;
  /// How long an end may take to send what it has, and its peer to close, once the other is gone.
  Delay linger = std::chrono::seconds(10);
};

/// Joins them, both ways: bytes, the end of each direction (half-close), and backpressure. An end
/// that breaks takes the other with it; one that closes in order lets the other send what it has.
/// Replaces their callbacks for messages, half-close and marks; connection callbacks stay. Bytes
/// that one has already received and not consumed go first.
///
/// Both must be on the same loop; on its thread.
void relay(const TcpConnectionPtr& a, const TcpConnectionPtr& b, const RelayOptions& options = {});

}  // namespace tern
