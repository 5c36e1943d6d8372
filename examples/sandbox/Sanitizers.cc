// Sanitizers: which one this is built with, and what it calls.
#include "Sanitizers.h"

#if defined(__has_feature)
#define TERN_HAS_SANITIZER(name) __has_feature(name)
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TERN_HAS_SANITIZER(name) 1
#else
#define TERN_HAS_SANITIZER(name) 0
#endif

#if TERN_HAS_SANITIZER(address_sanitizer) || TERN_HAS_SANITIZER(thread_sanitizer)

// The search for leaks at the end stops all threads from outside, with clone and ptrace.
extern "C" int __lsan_is_turned_off() { return 1; }

namespace tern::examples {

std::span<const AllowedCall> sanitizerCalls() {
  static constexpr AllowedCall kCalls[] = {
      {"sigaltstack", "the end of a thread"},
      {"nanosleep", "a thread of the runtime's own"},
      {"gettimeofday", "the same"},
      {"sched_yield", "its locks"},
  };
  return kCalls;
}

}  // namespace tern::examples

#else

namespace tern::examples {

std::span<const AllowedCall> sanitizerCalls() { return {}; }

}  // namespace tern::examples

#endif
