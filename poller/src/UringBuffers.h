// UringBuffers: the pool of receive buffers that the kernel picks from (a provided-buffer ring).
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tern {

class UringRing;

/// Registered with the ring as its only group; the ring must outlive it.
class UringBuffers {
 public:
  static constexpr std::uint16_t kGroup = 0;

  /// A few buffers are with the kernel afterwards. It goes round all that it has, so that each is
  /// soon resident memory: the others are added by provideMore(). Throws std::system_error; EINVAL
  /// means that the kernel has no buffer rings.
  UringBuffers(UringRing& ring, std::uint32_t count, std::uint32_t size);
  UringBuffers(const UringBuffers&) = delete;
  UringBuffers& operator=(const UringBuffers&) = delete;
  ~UringBuffers();

  /// The kernel filled `length` bytes of buffer `id`: it is ours until giveBack().
  std::span<const char> taken(std::uint16_t id, std::size_t length) noexcept {
    --available_;
    return {at(id), length};
  }
  /// Queues the buffer for the kernel; visible to it at publish().
  void giveBack(std::uint16_t id) noexcept {
    io_uring_buf_ring_add(entries_, at(id), size_, id, static_cast<int>(count_ - 1), unpublished_);
    ++unpublished_;
    ++available_;
  }
  void publish() noexcept;
  /// Adds a buffer, up to `count`; visible to the kernel at publish().
  void provideMore() noexcept;

  /// Their memory is not unmapped: the kernel may still write to it.
  void leak() noexcept { memory_ = nullptr; }

  /// Buffers that the kernel has, or will have after publish().
  [[nodiscard]] std::uint32_t available() const noexcept { return available_; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Bytes each.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  [[nodiscard]] char* at(std::uint16_t id) const noexcept {
    return memory_ + static_cast<std::size_t>(id) * size_;
  }
  UringRing& ring_;
  std::uint32_t count_;
  std::uint32_t size_;
  std::uint32_t provided_ = 0;
  std::uint32_t available_ = 0;
  int unpublished_ = 0;
  io_uring_buf_ring* entries_ = nullptr;
  char* memory_ = nullptr;
};

}  // namespace tern
