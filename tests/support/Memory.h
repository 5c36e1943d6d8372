// Memory: how much of it a program that a test runs has, or the test itself.
#pragma once

#include <cstddef>

#include "Process.h"

namespace tern::testing {

/// In RAM. Throws std::runtime_error when it has ended.
std::size_t residentBytes(const Process& process);
/// The same for the test's own process.
std::size_t residentBytes();
/// What is left once freed memory has gone back to the kernel, as far as the allocator can do that.
std::size_t residentBytesInUse();

}  // namespace tern::testing
