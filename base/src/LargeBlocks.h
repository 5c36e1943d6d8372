// LargeBlocks: memory for whole messages. malloc gives memory back to the kernel as soon as 128
// KiB, at first, are free at the end of its heap, so ten replies of 16 KiB that leave together are
// enough; then the kernel has to zero every page of the next ones: several times the cost of
// filling them.
#pragma once

#include <cstddef>

namespace tern {

/// At least `bytes` of memory; `bytes` becomes what it really has, at most a quarter more. Blocks
/// of 4 KiB to 2 MiB are kept for the next on the same thread, at most 16 MiB of them. Throws
/// std::bad_alloc.
char* allocateBlock(std::size_t& bytes);

/// Gives back what allocateBlock() returned on this or another thread, with its size; nullptr is
/// ignored.
void freeBlock(char* block, std::size_t bytes) noexcept;

}  // namespace tern
