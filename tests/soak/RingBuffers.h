// RingBuffers: whether the kernel has all of its receive buffers, shown by what it does with them.
#pragma once

#include <tern/net/TcpServer.h>

#include <string>

namespace tern::soak {

/// How many each loop's ring has in a soak: few, so that they run out all the time.
inline constexpr unsigned kRingBuffers = 32;

/// On each of the server's loops, which must have no connections: as many streams as there are
/// buffers get bytes at the same moment. With all buffers there, each is received at once; a buffer
/// less, and one has to ask twice. Returns what is missing; empty when nothing is. For loops on
/// io_uring, of a server that deals connections out in turn. Not on a loop's thread.
std::string missingRingBuffers(TcpServer& server);

}  // namespace tern::soak
