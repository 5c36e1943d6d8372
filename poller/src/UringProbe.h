// UringProbe: finds out by doing whether this kernel has what completion mode needs.
#pragma once

#include <string>

namespace tern {

class UringBuffers;
class UringRing;

/// Receives once on a socket pair, multishot and into a provided buffer, and cancels it; then sends
/// more than there is room for, without waiting. Returns what is missing, or an empty string. The
/// ring must be idle, and is idle afterwards.
std::string probeCompletionMode(UringRing& ring, UringBuffers& buffers);

}  // namespace tern
