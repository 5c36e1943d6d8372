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
/// While it lives, operator new on the calling thread succeeds `spared` times and then throws
/// std::bad_alloc.
class HeapRefusal {
 public:
  explicit HeapRefusal(std::size_t spared = 0) noexcept;
  HeapRefusal(const HeapRefusal&) = delete;
  HeapRefusal& operator=(const HeapRefusal&) = delete;
  ~HeapRefusal();
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
