// Sanitizers: the runtimes of AddressSanitizer and ThreadSanitizer live in the sandbox, too.
#pragma once

#include <span>

#include "AllowList.h"

namespace tern::examples {

/// What they call besides; nothing in other builds.
std::span<const AllowedCall> sanitizerCalls();

}  // namespace tern::examples
