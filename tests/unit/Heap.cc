// Heap: the program's operator new and delete, on malloc() so that AddressSanitizer still sees
// blocks; with ThreadSanitizer, its hooks instead.
#include "Heap.h"

#include <cstdlib>
#include <utility>

#ifndef TERN_HEAP_CAN_REFUSE
#include <sanitizer/allocator_interface.h>
#endif

namespace tern::testing {
namespace {

constinit thread_local std::size_t tAllocated = 0;
constinit thread_local std::size_t tFreed = 0;

}  // namespace

HeapWatch::HeapWatch() noexcept : allocated_(tAllocated), freed_(tFreed) {}

std::size_t HeapWatch::allocations() const noexcept { return tAllocated - allocated_; }

std::ptrdiff_t HeapWatch::blocks() const noexcept {
  return static_cast<std::ptrdiff_t>(tAllocated - allocated_) -
         static_cast<std::ptrdiff_t>(tFreed - freed_);
}

#ifdef TERN_HEAP_CAN_REFUSE

namespace {

constinit thread_local bool tRefusing = false;
constinit thread_local std::size_t tSpared = 0;
constinit thread_local std::size_t tRefusals = 0;
constinit thread_local std::size_t tRefused = 0;

bool refuses() noexcept {
  if (!tRefusing || tRefused == tRefusals) return false;
  if (tSpared > 0) {
    --tSpared;
    return false;
  }
  ++tRefused;
  return true;
}

void* allocate(std::size_t bytes) noexcept {
  if (refuses()) return nullptr;
  // malloc(0) may answer with a null pointer, operator new may not.
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) return nullptr;
  ++tAllocated;
  return memory;
}

void* allocateOrThrow(std::size_t bytes) {
  void* memory = allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) ++tFreed;
  std::free(memory);
}

}  // namespace

HeapRefusal::HeapRefusal(std::size_t spared, std::size_t refusals) noexcept {
  tSpared = spared;
  tRefusals = refusals;
  tRefused = 0;
  tRefusing = true;
}

HeapRefusal::~HeapRefusal() { tRefusing = false; }

std::size_t HeapRefusal::refused() const noexcept { return tRefused; }

HeapRefusalOff::HeapRefusalOff() noexcept : before_(std::exchange(tRefusing, false)) {}

HeapRefusalOff::~HeapRefusalOff() { tRefusing = before_; }

#else

namespace {

[[maybe_unused]] const int gHooked = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++tAllocated; },
    [](const volatile void*) { ++tFreed; });

}  // namespace

#endif

}  // namespace tern::testing

#ifdef TERN_HEAP_CAN_REFUSE

using tern::testing::allocate;
using tern::testing::allocateOrThrow;
using tern::testing::release;

void* operator new(std::size_t bytes) { return allocateOrThrow(bytes); }
void* operator new[](std::size_t bytes) { return allocateOrThrow(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

#endif
