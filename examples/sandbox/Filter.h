// Filter: a seccomp filter for all threads of the process.
#pragma once

#include <cstddef>
#include <vector>

#include "AllowList.h"

namespace tern::examples {

/// What becomes of a call that is not allowed.
enum class Violation : unsigned char {
  kErrno,  ///< it fails with EPERM
  kKill,   ///< it ends the process, with SIGSYS
  kLog,    ///< it is made, and the kernel logs it
};

/// From now on, for good, all threads of this process, and whatever comes of them, are without
/// new privileges, and make only the calls of the list. Throws std::system_error when the kernel
/// refuses; it is then as it was before, but perhaps without new privileges.
void confineProcess(const std::vector<AllowedCall>& allowed, Violation violation);

}  // namespace tern::examples
