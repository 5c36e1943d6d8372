// Sudoku: solutions that keep the rules, puzzles that have none, and an end to every search.
#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "Sudoku.h"

namespace tern::sudoku {
namespace {

void expectSolves(const std::string& puzzle, const std::string& solution) {
  ASSERT_EQ(solution.size(), kCells);
  for (std::size_t i = 0; i < kCells; ++i) {
    if (puzzle[i] == '0') continue;
    EXPECT_EQ(solution[i], puzzle[i]) << "cell " << i;
  }
  for (std::size_t unit = 0; unit < 9; ++unit) {
    std::set<char> row;
    std::set<char> column;
    std::set<char> box;
    for (std::size_t i = 0; i < 9; ++i) {
      row.insert(solution[unit * 9 + i]);
      column.insert(solution[i * 9 + unit]);
      box.insert(solution[(unit / 3 * 3 + i / 3) * 9 + unit % 3 * 3 + i % 3]);
    }
    for (const auto& digits : {row, column, box}) {
      EXPECT_EQ(std::string(digits.begin(), digits.end()), "123456789") << "unit " << unit;
    }
  }
}

const std::vector<std::string> kPuzzles{
    // easy, few givens, and some that are known to be hard for solvers
    "530070000600195000098000060800060003400803001700020006060000280000419005000080079",
    "000000010400000000020000000000050407008000300001090000300400200050100000000806000",
    "800000000003600000070090200050007000000045700000100030001000068008500010090000400",
    "000000000000003085001020000000507000004000100090000000500000073002010000000040009",
    "100007090030020008009600500005300900010080002600004000300000010040000007007000300",
    std::string(kCells, '0'),
};

// It has no solution, and a search that shows so takes hours.
const std::string kEndless =
    "000006000059000008200008000045000000003000000006003054000325006000000000000000000";

TEST(Sudoku, SolutionsKeepTheRulesAndTheGivens) {
  for (const std::string& puzzle : kPuzzles) {
    SCOPED_TRACE(puzzle);
    const Result result = solve(puzzle);
    ASSERT_EQ(result.outcome, Outcome::kSolved);
    expectSolves(puzzle, result.solution);
  }
}

TEST(Sudoku, TheSolutionOfAPuzzleThatHasOneIsThatOne) {
  EXPECT_EQ(solve(kPuzzles[0]).solution,
            "534678912672195348198342567859761423426853791713924856961537284287419635345286179");
  EXPECT_EQ(solve(kPuzzles[1]).solution,
            "693784512487512936125963874932651487568247391741398625319475268856129743274836159");
}

TEST(Sudoku, ASolvedPuzzleIsItsOwnSolution) {
  const std::string solved = solve(kPuzzles[2]).solution;
  EXPECT_EQ(solve(solved).solution, solved);
}

TEST(Sudoku, GivensThatContradictEachOtherHaveNoSolution) {
  std::string puzzle(kCells, '0');
  for (const std::size_t other : {std::size_t{8}, std::size_t{72}, std::size_t{20}}) {
    puzzle = std::string(kCells, '0');
    puzzle[0] = puzzle[other] = '5';  // the same row, column, box
    EXPECT_EQ(solve(puzzle).outcome, Outcome::kNoSolution) << other;
  }
}

TEST(Sudoku, ContradictionsThatOnlyASearchFindsHaveNoSolution) {
  // The corner's row and column leave it no digit.
  EXPECT_EQ(
      solve("012345678900000000000000000000000000000000000000000000000000000000000000000000000")
          .outcome,
      Outcome::kNoSolution);
  for (std::string puzzle : {kPuzzles[0], kPuzzles[1], kPuzzles[2], kPuzzles[4]}) {
    const std::string solution = solve(puzzle).solution;
    // With one solution only, any other digit in an empty cell leaves none.
    const std::size_t empty = puzzle.find('0', 40);
    for (char digit = '1'; digit <= '9'; ++digit) {
      if (digit == solution[empty]) continue;
      puzzle[empty] = digit;
      EXPECT_EQ(solve(puzzle).outcome, Outcome::kNoSolution) << puzzle;
    }
  }
}

TEST(Sudoku, WhatIsNot81DigitsIsABadPuzzle) {
  const std::string good = kPuzzles[0];
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", "." + good.substr(1), good.substr(1) + " ",
        good.substr(1) + std::string(1, '\0'), std::string(kCells, 'x')}) {
    EXPECT_EQ(solve(bad).outcome, Outcome::kBadPuzzle) << bad;
  }
}

TEST(Sudoku, ASearchEndsWhenItsGuessesAreUsedUp) {
  EXPECT_EQ(solve(kEndless).outcome, Outcome::kTooHard);
  EXPECT_EQ(solve(std::string(kCells, '0'), 0).outcome, Outcome::kTooHard);
  // Without a guess where none is needed.
  EXPECT_EQ(solve(kPuzzles[0], 0).outcome, Outcome::kSolved);
}

}  // namespace
}  // namespace tern::sudoku
