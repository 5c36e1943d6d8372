// Randomness: the source of a randomised test, with a seed that can be read back and given again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace tern::testing {

/// A new seed each run, printed; TERN_TEST_SEED in the environment repeats a run.
class Randomness {
 public:
  Randomness() : seed_(chooseSeed()), engine_(seed_) {
    std::cout << "seed " << seed_ << " (repeat with TERN_TEST_SEED=" << seed_ << ")\n";
  }
  /// Of a known seed: nothing is printed.
  explicit Randomness(std::uint32_t seed) : seed_(seed), engine_(seed) {}

  [[nodiscard]] std::uint32_t seed() const noexcept { return seed_; }

  /// From 0 to `most`, both included.
  std::size_t upTo(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(engine_);
  }
  bool oneIn(std::size_t n) { return upTo(n - 1) == 0; }
  std::uint64_t bits() { return engine_(); }

  /// Any bytes, line ends more often than others.
  std::string bytes(std::size_t length) {
    std::string result(length, '\0');
    for (char& c : result) {
      const std::size_t pick = upTo(270);
      c = pick < 256 ? static_cast<char>(pick) : (pick % 2 == 0 ? '\r' : '\n');
    }
    return result;
  }

 private:
  static std::uint32_t chooseSeed() {
    const char* given = std::getenv("TERN_TEST_SEED");
    if (given != nullptr) return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10));
    return std::random_device{}();
  }

  std::uint32_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace tern::testing
