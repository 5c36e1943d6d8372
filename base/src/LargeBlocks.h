// LargeBlocks: memory for the buffers of bulky streams. malloc returns blocks of this size to the
// kernel, which then has to zero every page of the next one: several times the cost of filling it.
#pragma once

#include <cstddef>

namespace tern {

/// At least `bytes` of memory; `bytes` becomes what it really has. Blocks up to 2 MiB are kept for
/// the next on the same thread, at most 16 MiB of them. Throws std::bad_alloc.
char* allocateBlock(std::size_t& bytes);

/// Gives back what allocateBlock() returned on this or another thread, with its size; nullptr is
/// ignored.
void freeBlock(char* block, std::size_t bytes) noexcept;

}  // namespace tern
