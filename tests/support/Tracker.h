// Tracker: counts how often functors ran and were destroyed, whoever holds them in between.
#pragma once

#include <atomic>
#include <memory>

namespace tern::testing {

/// Any thread. Outlives its functors, or their counts are shared.
class Tracker {
 public:
  /// A functor, copied freely: counts each call, and counts as destroyed when the last copy goes.
  [[nodiscard]] auto functor() {
    ++counts_->made;
    return [token = std::make_shared<Token>(counts_)] { ++token->counts->ran; };
  }

  [[nodiscard]] int made() const { return counts_->made; }
  [[nodiscard]] int ran() const { return counts_->ran; }
  [[nodiscard]] int destroyed() const { return counts_->destroyed; }

 private:
  struct Counts {
    std::atomic<int> made{0};
    std::atomic<int> ran{0};
    std::atomic<int> destroyed{0};
  };
  struct Token {
    explicit Token(std::shared_ptr<Counts> shared) : counts(std::move(shared)) {}
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() { ++counts->destroyed; }
    std::shared_ptr<Counts> counts;
  };

  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

/// Runs a function when it is destroyed: for captures whose end calls back.
class AtEnd {
 public:
  template <class Function>
  explicit AtEnd(Function function)
      : end_(nullptr, [function = std::move(function)](void*) { function(); }) {}

 private:
  std::shared_ptr<void> end_;  // shared: a capture of a std::function must be copyable
};

}  // namespace tern::testing
