// LargeBlocks: lists of spare blocks, four sizes to each doubling.
#include "LargeBlocks.h"

#include <array>
#include <bit>
#include <new>

#include "Sanitizers.h"

namespace tern {
namespace {

constexpr std::size_t kLeast = std::size_t{4} * 1024;
constexpr std::size_t kLargest = std::size_t{2} * 1024 * 1024;
constexpr std::size_t kMostKept = kUnderAddressSanitizer ? 0 : std::size_t{16} * 1024 * 1024;

constexpr bool isKept(std::size_t bytes) { return bytes >= kLeast && bytes <= kLargest; }

// From one size to the next: a block is at most a quarter larger than what it was asked for.
constexpr std::size_t stepFrom(std::size_t bytes) { return std::bit_floor(bytes) / 4; }

constexpr std::size_t roundUp(std::size_t bytes) {
  const std::size_t step = stepFrom(bytes);
  return (bytes + step - 1) & ~(step - 1);
}

// Of a size that is rounded up.
constexpr std::size_t listOf(std::size_t bytes) {
  const auto doublings = static_cast<std::size_t>(std::countr_zero(std::bit_floor(bytes) / kLeast));
  return 4 * doublings + (bytes - std::bit_floor(bytes)) / stepFrom(bytes);
}

struct Spare {
  Spare* next;
};

class SpareList {
 public:
  SpareList() = default;
  SpareList(const SpareList&) = delete;
  SpareList& operator=(const SpareList&) = delete;
  ~SpareList() {
    for (std::size_t bytes = kLeast; bytes <= kLargest; bytes += stepFrom(bytes)) {
      while (char* block = take(bytes)) ::operator delete(block, bytes);
    }
    kept_ = kMostKept;  // what is freed even later on this thread is not kept
  }

  char* take(std::size_t bytes) noexcept {
    Spare*& first = first_[listOf(bytes)];
    Spare* const block = first;
    if (block == nullptr) return nullptr;
    first = block->next;
    kept_ -= bytes;
    return reinterpret_cast<char*>(block);
  }

  // NOLINTNEXTLINE(readability-non-const-parameter): the list's link is made in it
  bool keep(char* block, std::size_t bytes) noexcept {
    if (kept_ + bytes > kMostKept) return false;
    Spare*& first = first_[listOf(bytes)];
    first = new (block) Spare{first};
    kept_ += bytes;
    return true;
  }

 private:
  std::array<Spare*, listOf(kLargest) + 1> first_{};
  std::size_t kept_ = 0;
};

constinit thread_local SpareList tSpare;

}  // namespace

char* allocateBlock(std::size_t& bytes) {
  if (isKept(bytes)) {
    bytes = roundUp(bytes);
    if (char* spare = tSpare.take(bytes)) return spare;
  }
  return static_cast<char*>(::operator new(bytes));
}

void freeBlock(char* block, std::size_t bytes) noexcept {
  if (block == nullptr || (isKept(bytes) && tSpare.keep(block, bytes))) return;
  ::operator delete(block, bytes);
}

}  // namespace tern
