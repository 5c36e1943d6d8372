// UringBuffers: memory, registration and recycling of the provided buffers.
#include "UringBuffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string>

#include "UringRing.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

constexpr std::uint32_t kMostBuffers = 32768;  // the kernel's limit
constexpr std::uint32_t kFirstBuffers = 32;

// Anonymous pages: page-aligned as the kernel wants the ring, and without cost until touched. A
// forked child does not get them: it must not touch what the kernel writes to on the parent's
// behalf.
void* mapPages(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory ==
      MAP_FAILED) {  // NOLINT(cppcoreguidelines-pro-type-cstyle-cast,performance-no-int-to-ptr)
    throwSystemError(errno, "io_uring: " + std::to_string(bytes) + " bytes for receive buffers");
  }
  ::madvise(memory, bytes, MADV_DONTFORK);
  return memory;
}

std::size_t bytesOf(std::uint32_t count, std::size_t each) {
  return static_cast<std::size_t>(count) * each;
}

}  // namespace

UringBuffers::UringBuffers(UringRing& ring, std::uint32_t count, std::uint32_t size)
    : ring_(ring),
      count_(std::bit_ceil(std::clamp(count, 1U, kMostBuffers))),
      size_(std::max(size, 1U)) {
  entries_ = static_cast<io_uring_buf_ring*>(mapPages(bytesOf(count_, sizeof(io_uring_buf))));
  try {
    memory_ = static_cast<char*>(mapPages(bytesOf(count_, size_)));
  } catch (...) {
    ::munmap(entries_, bytesOf(count_, sizeof(io_uring_buf)));
    throw;
  }
  io_uring_buf_ring_init(entries_);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(entries_);
  registration.ring_entries = count_;
  registration.bgid = kGroup;
  const int result = io_uring_register_buf_ring(ring_.raw(), &registration, 0);
  if (result < 0) {
    ::munmap(memory_, bytesOf(count_, size_));
    ::munmap(entries_, bytesOf(count_, sizeof(io_uring_buf)));
    throwSystemError(
        -result, "io_uring's receive buffers can't be registered: " + explainUringRefusal(-result));
  }
  for (std::uint32_t left = kFirstBuffers; left > 0; --left) provideMore();
  publish();
}

void UringBuffers::provideMore() noexcept {
  if (provided_ < count_) queue(static_cast<std::uint16_t>(provided_++));
}

UringBuffers::~UringBuffers() {
  io_uring_unregister_buf_ring(ring_.raw(), kGroup);
  if (memory_ == nullptr) return;
  ::munmap(memory_, bytesOf(count_, size_));
  ::munmap(entries_, bytesOf(count_, sizeof(io_uring_buf)));
}

void UringBuffers::publish() noexcept {
  if (entries_->tail != tail_) io_uring_smp_store_release(&entries_->tail, tail_);
}

}  // namespace tern
