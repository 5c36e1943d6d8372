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

  /// The kernel filled `length` bytes of buffer `id`: it is ours until publish(), which gives back
  /// all that were taken. Once for each completion that has a buffer.
  std::span<const char> taken(std::uint16_t id, std::size_t length) noexcept {
    return {queue(id), length};
  }
  void publish() noexcept;
  /// Adds a buffer, up to `count`; visible to the kernel at publish().
  void provideMore() noexcept;

  /// Their memory is not unmapped: the kernel may still write to it.
  void leak() noexcept { memory_ = nullptr; }

  /// How many there are, with the kernel or taken.
  [[nodiscard]] std::uint32_t provided() const noexcept { return provided_; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Bytes each.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  /// For the kernel, which sees it at publish(). Returns its memory.
  char* queue(std::uint16_t id) noexcept {
    char* const buffer = memory_ + static_cast<std::size_t>(id) * size_;
    io_uring_buf& entry = entries_->bufs[tail_++ & mask_];
    entry.addr = reinterpret_cast<std::uint64_t>(buffer);
    entry.len = size_;
    entry.bid = id;
    return buffer;
  }
  UringRing& ring_;
  std::uint32_t count_;
  std::uint32_t mask_ = count_ - 1;
  std::uint32_t size_;
  std::uint32_t provided_ = 0;
  std::uint16_t tail_ = 0;  // the kernel sees it at publish()
  io_uring_buf_ring* entries_ = nullptr;
  char* memory_ = nullptr;
};

}  // namespace tern
