// Lays out the block so that it stays small enough for the processor's nearer caches and still
// holds many distinct batches.
#include "Pattern.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "Mix.h"

namespace tern::load {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kSmallBlock = 32 * 1024;

// Large messages overlap: their slots start 64 bytes apart, and the header of one lies inside the
// payload of another. That needs all the slots of a message to fit between its header and the next
// one's, hence the limit.
constexpr std::size_t kLargeStride = 64;
constexpr std::size_t kFewestSlots = 64;
constexpr std::size_t kLargeMessage = kLargeStride * kFewestSlots;

void putLength(char* to, std::size_t length) {
  for (std::size_t i = 0; i < kHeaderBytes; ++i) {
    to[i] = static_cast<char>(static_cast<unsigned char>(length >> (8 * (kHeaderBytes - 1 - i))));
  }
}

}  // namespace

Pattern::Pattern(Framing framing, std::size_t messageSize, std::uint32_t depth)
    : depth_(depth),
      messageBytes_(messageSize + (framing == Framing::framed ? kHeaderBytes : 0)),
      batchBytes_(messageBytes_ * depth) {
  std::size_t slots = kFewestSlots;
  if (messageBytes_ >= kLargeMessage) {
    stride_ = kLargeStride;
  } else {
    stride_ = messageBytes_;
    slots = std::max(kFewestSlots, std::bit_floor(kSmallBlock / messageBytes_));
  }
  slotMask_ = static_cast<std::uint32_t>(slots - 1);

  block_.resize(batchBytes_ + (slots - 1) * stride_);
  std::uint64_t state = 0;
  for (std::size_t at = 0; at < block_.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = mix(++state);
    std::memcpy(block_.data() + at, &word, std::min(sizeof word, block_.size() - at));
  }

  if (framing != Framing::framed) return;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    for (std::size_t message = 0; message < depth; ++message) {
      putLength(block_.data() + slot * stride_ + message * messageBytes_, messageSize);
    }
  }
}

}  // namespace tern::load
