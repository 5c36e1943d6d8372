// AllowList: the system calls that serving takes.
#pragma once

#include <cstdint>
#include <vector>

namespace tern {
class Poller;
}

namespace tern::examples {

/// Of the calls of one name, those with (argument & mask) == value. The mask is of 32 bits: that is
/// how wide such arguments are, and the rest of the register may hold anything.
struct ArgumentRule {
  unsigned index = 0;
  std::uint32_t mask = 0;
  std::uint32_t value = 0;
};
inline constexpr ArgumentRule kAnyArguments;

struct AllowedCall {
  const char* name = nullptr;  ///< as the kernel and libseccomp spell it
  const char* reason = nullptr;
  ArgumentRule rule = kAnyArguments;
};

/// What a server with this poller calls once it is up, until the end of the process.
std::vector<AllowedCall> allowListFor(const Poller& poller);

}  // namespace tern::examples
