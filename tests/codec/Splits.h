// Splits: the ways in which a stream of bytes can arrive in pieces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tern::testing {

using Pieces = std::vector<std::string_view>;

inline Pieces byteByByte(std::string_view bytes) {
  Pieces pieces;
  for (std::size_t i = 0; i < bytes.size(); ++i) pieces.push_back(bytes.substr(i, 1));
  return pieces;
}

/// In one piece, every two pieces, every three, and byte by byte. `bytes` must outlive the pieces.
inline std::vector<Pieces> everySplit(std::string_view bytes) {
  std::vector<Pieces> splits{{bytes}, byteByByte(bytes)};
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    splits.push_back({bytes.substr(0, i), bytes.substr(i)});
    for (std::size_t j = i + 1; j < bytes.size(); ++j) {
      splits.push_back({bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)});
    }
  }
  return splits;
}

/// "3+1+20", for messages of tests that fail.
inline std::string describe(const Pieces& pieces) {
  std::string text;
  for (const std::string_view piece : pieces) {
    text += (text.empty() ? "" : "+") + std::to_string(piece.size());
  }
  return text;
}

}  // namespace tern::testing
