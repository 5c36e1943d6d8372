// Heap: what a test may ask of the heap: how many blocks are held, and to refuse the next ones.
#pragma once

#include <cstddef>
#include <new>

// ThreadSanitizer's operators can be watched, but not replaced: with it, no test can refuse memory.
#define TERN_HEAP_CAN_REFUSE
#if defined(__SANITIZE_THREAD__)
#undef TERN_HEAP_CAN_REFUSE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TERN_HEAP_CAN_REFUSE
#endif
#endif

namespace tern::testing {

/// Counts the calling thread's operator new and delete from its construction on.
class HeapWatch {
 public:
  HeapWatch() noexcept;

  /// How often memory was asked for.
  [[nodiscard]] std::size_t allocations() const noexcept;
  /// Blocks allocated since, less those freed.
  [[nodiscard]] std::ptrdiff_t blocks() const noexcept;

 private:
  std::size_t allocated_;
  std::size_t freed_;
};

#ifdef TERN_HEAP_CAN_REFUSE
/// While it lives, operator new on the calling thread succeeds `spared` times, then throws
/// std::bad_alloc `refusals` times, and then succeeds again. One at a time on a thread.
class HeapRefusal {
 public:
  static constexpr std::size_t kAll = static_cast<std::size_t>(-1);

  explicit HeapRefusal(std::size_t spared = 0, std::size_t refusals = kAll) noexcept;
  HeapRefusal(const HeapRefusal&) = delete;
  HeapRefusal& operator=(const HeapRefusal&) = delete;
  ~HeapRefusal();

  /// How often it has refused.
  [[nodiscard]] std::size_t refused() const noexcept;
};

/// While it lives, a HeapRefusal takes no notice: for what a test does itself in the middle of one.
class HeapRefusalOff {
 public:
  HeapRefusalOff() noexcept;
  HeapRefusalOff(const HeapRefusalOff&) = delete;
  HeapRefusalOff& operator=(const HeapRefusalOff&) = delete;
  ~HeapRefusalOff();

 private:
  bool before_;
};

/// Whether the call, with the heap refusing all but the first `spared` blocks, throws
/// std::bad_alloc.
template <class Call>
bool failsForMemory(Call&& call, std::size_t spared = 0) {
  const HeapRefusal refusal(spared);
  try {
    call();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}
#endif

}  // namespace tern::testing
