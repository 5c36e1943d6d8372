// Sudoku: fills in what is forced, and guesses where there is least choice.
#include "Sudoku.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace tern::sudoku {
namespace {

constexpr std::size_t kSide = 9;
constexpr std::size_t kUnits = 3 * kSide;  // rows, columns and boxes

// A digit d is the bit d - 1.
using Digits = std::uint16_t;
constexpr Digits kAllDigits = 0x1FF;

// The units of each cell, and the cells of each unit.
struct Layout {
  std::array<std::array<std::size_t, 3>, kCells> unitsOf{};
  std::array<std::array<std::size_t, kSide>, kUnits> cellsOf{};

  constexpr Layout() {
    std::array<std::size_t, kUnits> filled{};
    for (std::size_t cell = 0; cell < kCells; ++cell) {
      const std::size_t row = cell / kSide;
      const std::size_t column = cell % kSide;
      unitsOf[cell] = {row, kSide + column, 2 * kSide + row / 3 * 3 + column / 3};
      for (const std::size_t unit : unitsOf[cell]) cellsOf[unit][filled[unit]++] = cell;
    }
  }
};
constexpr Layout kLayout;

class Grid {
 public:
  // False when the rules forbid it.
  bool place(std::size_t cell, Digits digit) {
    if ((candidates(cell) & digit) == 0) return false;
    cells_[cell] = digit;
    for (const std::size_t unit : kLayout.unitsOf[cell]) placed_[unit] |= digit;
    return true;
  }

  [[nodiscard]] bool isEmpty(std::size_t cell) const { return cells_[cell] == 0; }

  [[nodiscard]] Digits candidates(std::size_t cell) const {
    const auto& units = kLayout.unitsOf[cell];
    return static_cast<Digits>(kAllDigits &
                               ~(placed_[units[0]] | placed_[units[1]] | placed_[units[2]]));
  }

  // Places what can go in one cell only; false at a contradiction.
  bool placeForced() {
    bool progress = true;
    while (progress) {
      progress = false;
      for (std::size_t cell = 0; cell < kCells; ++cell) {
        if (!isEmpty(cell)) continue;
        const Digits choice = candidates(cell);
        if (choice == 0) return false;
        if (std::has_single_bit(choice)) progress |= place(cell, choice);
      }
      for (std::size_t unit = 0; unit < kUnits; ++unit) {
        if (!placeForcedIn(unit, progress)) return false;
      }
    }
    return true;
  }

  // The empty cell with the fewest candidates, or kCells.
  [[nodiscard]] std::size_t narrowest() const {
    std::size_t best = kCells;
    int fewest = static_cast<int>(kSide) + 1;
    for (std::size_t cell = 0; cell < kCells; ++cell) {
      if (!isEmpty(cell)) continue;
      const int count = std::popcount(candidates(cell));
      if (count < fewest) {
        fewest = count;
        best = cell;
      }
    }
    return best;
  }

  [[nodiscard]] std::string text() const {
    std::string result;
    result.reserve(kCells);
    for (const Digits digit : cells_) {
      result.push_back(static_cast<char>('1' + std::countr_zero(digit)));
    }
    return result;
  }

 private:
  // Digits for which the unit has only one cell left.
  bool placeForcedIn(std::size_t unit, bool& progress) {
    Digits once = 0;
    Digits more = 0;
    for (const std::size_t cell : kLayout.cellsOf[unit]) {
      if (!isEmpty(cell)) continue;
      const Digits choice = candidates(cell);
      more |= once & choice;
      once |= choice;
    }
    if ((once | placed_[unit]) != kAllDigits) return false;
    const auto single = static_cast<Digits>(once & ~more);
    if (single == 0) return true;
    for (const std::size_t cell : kLayout.cellsOf[unit]) {
      const auto digit = static_cast<Digits>(single & (isEmpty(cell) ? candidates(cell) : 0));
      if (digit == 0) continue;
      // Two digits that need the same cell.
      if (!std::has_single_bit(digit)) return false;
      progress |= place(cell, digit);
    }
    return true;
  }

  std::array<Digits, kCells> cells_{};
  std::array<Digits, kUnits> placed_{};
};

class Search {
 public:
  explicit Search(std::size_t mostGuesses) : left_(mostGuesses) {}

  // Recurses at most once a cell.
  bool complete(Grid& grid) {
    if (!grid.placeForced()) return false;
    const std::size_t cell = grid.narrowest();
    if (cell == kCells) return true;
    for (unsigned choice = grid.candidates(cell); choice != 0; choice &= choice - 1) {
      if (left_ == 0) {
        exhausted_ = true;
        return false;
      }
      --left_;
      Grid guess = grid;
      guess.place(cell, static_cast<Digits>(1U << static_cast<unsigned>(std::countr_zero(choice))));
      if (complete(guess)) {
        grid = guess;
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] bool exhausted() const { return exhausted_; }

 private:
  std::size_t left_;
  bool exhausted_ = false;
};

}  // namespace

Result solve(std::string_view puzzle, std::size_t mostGuesses) {
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  if (puzzle.size() != kCells || !std::all_of(puzzle.begin(), puzzle.end(), isDigit)) {
    return {Outcome::kBadPuzzle, {}};
  }
  Grid grid;
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    if (puzzle[cell] == '0') continue;
    const auto digit = static_cast<Digits>(1U << static_cast<unsigned>(puzzle[cell] - '1'));
    if (!grid.place(cell, digit)) return {Outcome::kNoSolution, {}};
  }
  Search search(mostGuesses);
  if (search.complete(grid)) return {Outcome::kSolved, grid.text()};
  return {search.exhausted() ? Outcome::kTooHard : Outcome::kNoSolution, {}};
}

}  // namespace tern::sudoku
