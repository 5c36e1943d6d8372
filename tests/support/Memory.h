// Memory: how much of it a program that a test runs has.
#pragma once

#include <cstddef>

#include "Process.h"

namespace tern::testing {

/// In RAM. Throws std::runtime_error when it has ended.
std::size_t residentBytes(const Process& process);

}  // namespace tern::testing
