// Fuzz: what the fuzz targets share.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace tern::fuzz {

/// What must hold for every input. libFuzzer keeps the input of which it does not.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();
}

/// The bytes cut where the input says, in order; some may be empty.
inline std::vector<std::string_view> cut(std::string_view bytes, FuzzedDataProvider& input) {
  std::vector<std::string_view> pieces;
  while (!bytes.empty() && input.remaining_bytes() > 0) {
    const auto length = input.ConsumeIntegralInRange<std::size_t>(0, bytes.size());
    pieces.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  pieces.push_back(bytes);
  return pieces;
}

}  // namespace tern::fuzz
