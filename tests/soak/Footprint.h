// Footprint: what the process holds of the machine: memory, descriptors, threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tern::soak {

struct Footprint {
  std::size_t memory = 0;  ///< bytes: private, in RAM, after the allocator gave back what it could
  std::size_t heap = 0;    ///< bytes that the allocator has handed out
  std::map<std::string, int> descriptors;  ///< how many of each sort
  std::map<std::string, int> threads;      ///< how many of each name

  [[nodiscard]] int descriptorCount() const;
};

/// Makes what is resident repeatable; to be called first, of all that the program does. The
/// allocator keeps the free end of each thread's heap up to a threshold, which by default rises
/// with the largest block ever freed: chance then decides over megabytes. Fixes the threshold, and
/// with it the size from which a block is mapped on its own, both at 128 KiB.
void makeMemoryMeasurable();

Footprint measureFootprint();
/// Open descriptors of the process, by sort.
std::map<std::string, int> countDescriptors();

/// In RAM, cheaply, as it is.
std::size_t residentNow();

/// What grew, a sentence each. What is resident may have grown by a tenth or by 3 MiB, whichever is
/// more; the heap in use by a tenth or by 1 MiB, if there was time to warm up. Without it the
/// spare blocks that loops keep are still becoming more, and both may grow alike.
std::vector<std::string> driftOfMemory(const Footprint& before, const Footprint& after, bool warm);
/// What grew or shrank: these must be equal.
std::vector<std::string> driftOfCounts(const Footprint& before, const Footprint& after);

/// "12.3 MB".
std::string inMegabytes(std::size_t bytes);

}  // namespace tern::soak
