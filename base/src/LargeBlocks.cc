// LargeBlocks: lists of spare blocks, four sizes to each doubling.
#include "LargeBlocks.h"

#include <algorithm>
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

struct List {
  Spare* first = nullptr;
  std::size_t bytes = 0;  // each
  std::size_t kept = 0;   // all
};

class SpareLists {
 public:
  SpareLists() = default;
  SpareLists(const SpareLists&) = delete;
  SpareLists& operator=(const SpareLists&) = delete;
  ~SpareLists() {
    for (List& list : lists_) {
      while (list.first != nullptr) freeOne(list);
    }
    kept_ = kMostKept;  // what is freed even later on this thread is not kept
  }

  char* take(std::size_t bytes) noexcept {
    List& list = lists_[listOf(bytes)];
    return list.first == nullptr ? nullptr : takeFrom(list);
  }

  // A size that is in use takes the place of one that has more, and may not be any longer.
  // NOLINTNEXTLINE(readability-non-const-parameter): the list's link is made in it
  bool keep(char* block, std::size_t bytes) noexcept {
    List& list = lists_[listOf(bytes)];
    while (kept_ + bytes > kMostKept) {
      List& fullest = *std::max_element(lists_.begin(), lists_.end(), hasLess);
      if (fullest.kept <= list.kept) return false;
      freeOne(fullest);
    }
    list.first = new (block) Spare{list.first};
    list.bytes = bytes;
    list.kept += bytes;
    kept_ += bytes;
    return true;
  }

 private:
  static bool hasLess(const List& one, const List& other) noexcept { return one.kept < other.kept; }
  char* takeFrom(List& list) noexcept {
    Spare* const block = list.first;
    list.first = block->next;
    list.kept -= list.bytes;
    kept_ -= list.bytes;
    return reinterpret_cast<char*>(block);
  }
  void freeOne(List& list) noexcept { ::operator delete(takeFrom(list), list.bytes); }

  std::array<List, listOf(kLargest) + 1> lists_{};
  std::size_t kept_ = 0;
};

constinit thread_local SpareLists tSpare;

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
