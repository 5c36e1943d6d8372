// A 64-bit mixing function (the finaliser of splitmix64): turns a counter into bytes that look
// random, the same each run.
#pragma once

#include <cstdint>

namespace tern::load {

inline std::uint64_t mix(std::uint64_t value) {
  value *= 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

}  // namespace tern::load
