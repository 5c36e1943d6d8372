// Counter: a count that one thread keeps and every thread may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace tern {

/// Written by one thread at a time, read by any, at any moment. Counting takes no lock, and on
/// x86-64 one plain instruction. Several counters read together are not of one moment.
class Counter {
 public:
  Counter() noexcept = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

  // The rest is the one writer's.

  Counter& operator++() noexcept {
    add(1);
    return *this;
  }
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
  // g++ makes three instructions of a load, an addition and a store that are atomic one by one.
  // NOLINTNEXTLINE(hicpp-no-assembler)
  void add(std::uint64_t n) noexcept { asm("addq %1, %0" : "+m"(value_) : "er"(n) : "cc"); }
  // NOLINTNEXTLINE(hicpp-no-assembler)
  void subtract(std::uint64_t n) noexcept { asm("subq %1, %0" : "+m"(value_) : "er"(n) : "cc"); }
#else
  void add(std::uint64_t n) noexcept { set(value() + n); }
  void subtract(std::uint64_t n) noexcept { set(value() - n); }
#endif
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  /// Keeps the larger.
  void raiseTo(std::uint64_t n) noexcept {
    if (n > value()) set(n);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace tern
