// The bytes that the tool sends and expects back: one immutable block, computed at the start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tern::load {

enum class Framing {
  raw,     // the server sends back the bytes as they come
  framed,  // 4-byte big-endian length + payload; the server sends back one frame for each
};

// A batch is the `depth` messages that a connection writes at once. Every batch is a contiguous
// slice of the block, frame headers included, and the right answer to it is the same slice: so
// sending needs no assembly and no copy in user space, and checking is one memcmp. Slices that
// start at different slots differ, which is how an answer that went to the wrong connection, or
// came in the wrong order, is found out.
class Pattern {
 public:
  Pattern(Framing framing, std::size_t messageSize, std::uint32_t depth);

  // Any slot is allowed; it is taken modulo the number of slots, a power of two.
  std::span<const char> batch(std::uint32_t slot) const {
    return {block_.data() + static_cast<std::size_t>(slot & slotMask_) * stride_, batchBytes_};
  }

  std::size_t batchBytes() const { return batchBytes_; }
  std::size_t messageBytes() const { return messageBytes_; }  // on the wire, with the header
  std::uint32_t depth() const { return depth_; }
  std::uint32_t slots() const { return slotMask_ + 1; }

 private:
  std::uint32_t depth_;
  std::size_t messageBytes_;
  std::size_t batchBytes_;
  std::size_t stride_;
  std::uint32_t slotMask_;
  std::vector<char> block_;
};

}  // namespace tern::load
