// LargeBlocks: a list of spare blocks for each power of two.
#include "LargeBlocks.h"

#include <array>
#include <bit>
#include <new>

#include "Sanitizers.h"

namespace tern {
namespace {

constexpr std::size_t kLeast = std::size_t{64} * 1024;
constexpr std::size_t kLargest = std::size_t{2} * 1024 * 1024;
constexpr std::size_t kMostKept = kUnderAddressSanitizer ? 0 : std::size_t{16} * 1024 * 1024;

constexpr std::size_t classOf(std::size_t powerOfTwo) {
  return static_cast<std::size_t>(std::countr_zero(powerOfTwo / kLeast));
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
    for (std::size_t bytes = kLeast; bytes <= kLargest; bytes *= 2) {
      while (char* block = take(bytes)) ::operator delete(block, bytes);
    }
    kept_ = kMostKept;  // what is freed even later on this thread is not kept
  }

  char* take(std::size_t bytes) noexcept {
    Spare*& first = first_[classOf(bytes)];
    Spare* const block = first;
    if (block == nullptr) return nullptr;
    first = block->next;
    kept_ -= bytes;
    return reinterpret_cast<char*>(block);
  }

  // NOLINTNEXTLINE(readability-non-const-parameter): the list's link is made in it
  bool keep(char* block, std::size_t bytes) noexcept {
    if (kept_ + bytes > kMostKept) return false;
    Spare*& first = first_[classOf(bytes)];
    first = new (block) Spare{first};
    kept_ += bytes;
    return true;
  }

 private:
  std::array<Spare*, classOf(kLargest) + 1> first_{};
  std::size_t kept_ = 0;
};

constinit thread_local SpareList tSpare;

constexpr bool isKept(std::size_t bytes) { return bytes >= kLeast && bytes <= kLargest; }

}  // namespace

char* allocateBlock(std::size_t& bytes) {
  if (isKept(bytes)) {
    bytes = std::bit_ceil(bytes);
    if (char* spare = tSpare.take(bytes)) return spare;
  }
  return static_cast<char*>(::operator new(bytes));
}

void freeBlock(char* block, std::size_t bytes) noexcept {
  if (block == nullptr ||
      (isKept(bytes) && std::has_single_bit(bytes) && tSpare.keep(block, bytes))) {
    return;
  }
  ::operator delete(block, bytes);
}

}  // namespace tern
