// Sudoku: a solver, as an example of work that takes a processor's time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::sudoku {

inline constexpr std::size_t kCells = 81;
/// Guesses after which a search is given up: under a second, where real puzzles need a few hundred.
inline constexpr std::size_t kMostGuesses = 200'000;

enum class Outcome : std::uint8_t {
  kSolved,
  kNoSolution,
  kBadPuzzle,  ///< not 81 digits
  kTooHard,    ///< neither a solution nor its absence was found within the guesses allowed
};

struct Result {
  Outcome outcome;
  std::string solution;  ///< 81 digits, if solved; one of them, if there are several
};

/// `puzzle`: 81 digits, row by row, 0 for an empty cell. Any thread.
Result solve(std::string_view puzzle, std::size_t mostGuesses = kMostGuesses);

}  // namespace tern::sudoku
