// OutputQueue: a singly linked list of chunks, each one allocation.
#include "tern/base/OutputQueue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TERN_CLANG_ASAN
#endif
#endif

namespace tern {
namespace {

// The first block suits a few small replies; each further one doubles, so that a long queue has
// few chunks. The sizes include the header, and so stay round for the allocator.
constexpr std::size_t kFirstBlock = 1024;
constexpr std::size_t kLargestBlock = std::size_t{64} * 1024;

// Blocks of the first size, the one that nearly every reply needs, kept for the next: a list
// costs a tenth of what malloc and free do. Linked through their first word.
class SpareBlocks {
 public:
  SpareBlocks() = default;
  SpareBlocks(const SpareBlocks&) = delete;
  SpareBlocks& operator=(const SpareBlocks&) = delete;
  ~SpareBlocks() {
    while (void* block = take()) ::operator delete(block, kFirstBlock);
    count_ = kMost;  // a queue that ends even later on this thread frees its blocks itself
  }

  void* take() noexcept {
    void* block = first_;
    if (block != nullptr) {
      first_ = *static_cast<void**>(block);
      --count_;
    }
    return block;
  }

  bool keep(void* block) noexcept {
    if (count_ == kMost) return false;
    *static_cast<void**>(block) = std::exchange(first_, block);
    ++count_;
    return true;
  }

 private:
#if defined(__SANITIZE_ADDRESS__) || defined(TERN_CLANG_ASAN)
  static constexpr std::size_t kMost = 0;  // so that AddressSanitizer sees each block's end
#else
  static constexpr std::size_t kMost = 64;
#endif
  void* first_ = nullptr;
  std::size_t count_ = 0;
};

constinit thread_local SpareBlocks tSpare;

std::string_view bytesOf(const std::string& owner) { return owner; }
std::string_view bytesOf(const std::shared_ptr<const std::string>& owner) { return *owner; }

}  // namespace

OutputQueue::Chunk* OutputQueue::create(std::size_t payloadBytes) {
  const std::size_t bytes = sizeof(Chunk) + payloadBytes;
  void* memory = bytes == kFirstBlock ? tSpare.take() : nullptr;
  if (memory == nullptr) memory = ::operator new(bytes);
  auto* chunk = static_cast<Chunk*>(memory);
  chunk->allocation = bytes;
  return chunk;
}

void OutputQueue::destroy(Chunk* chunk) noexcept {
  using Shared = std::shared_ptr<const std::string>;
  void* payload = chunk + 1;
  if (chunk->kind == Chunk::Kind::kString) std::destroy_at(static_cast<std::string*>(payload));
  if (chunk->kind == Chunk::Kind::kShared) std::destroy_at(static_cast<Shared*>(payload));
  const std::size_t bytes = chunk->allocation;
  if (bytes == kFirstBlock && tSpare.keep(chunk)) return;
  ::operator delete(static_cast<void*>(chunk), bytes);
}

void OutputQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  Chunk* const last = tail_;
  const std::size_t room = last == nullptr ? 0 : static_cast<std::size_t>(last->limit - last->end);
  const std::size_t fits = std::min(room, bytes.size());
  // First, as it may throw.
  if (fits < bytes.size()) appendToNewBlock(bytes.substr(fits));
  if (fits > 0) {
    std::memcpy(last->limit - room, bytes.data(), fits);
    last->end += fits;
    size_ += fits;
  }
}

void OutputQueue::appendToNewBlock(std::string_view bytes) {
  const std::size_t wanted =
      tail_ == nullptr ? kFirstBlock : std::min<std::size_t>(tail_->allocation * 2, kLargestBlock);
  const std::size_t room = std::max(bytes.size(), wanted - sizeof(Chunk));
  Chunk* chunk = create(room);
  auto* data = reinterpret_cast<char*>(chunk + 1);
  std::memcpy(data, bytes.data(), bytes.size());
  chunk->begin = data;
  chunk->end = data + bytes.size();
  chunk->limit = data + room;
  chunk->kind = Chunk::Kind::kBlock;
  pushBack(chunk);
}

template <class Owner>
void OutputQueue::pushHolding(Owner&& owner, Chunk::Kind kind) {
  Chunk* chunk = create(sizeof(Owner));
  // Moved only now: had the allocation failed, the bytes would still be the caller's.
  auto* held = new (chunk + 1) Owner(std::forward<Owner>(owner));
  const std::string_view bytes = bytesOf(*held);
  chunk->begin = bytes.data();
  chunk->end = bytes.data() + bytes.size();
  chunk->limit = const_cast<char*>(
      chunk->end);  // NOLINT(cppcoreguidelines-pro-type-const-cast): never written
  chunk->kind = kind;
  pushBack(chunk);
}

void OutputQueue::append(std::string&& bytes) {
  if (bytes.size() <= kCopyLimit) {
    append(std::string_view(bytes));
  } else {
    pushHolding(std::move(bytes), Chunk::Kind::kString);
  }
}

void OutputQueue::append(std::shared_ptr<const std::string> bytes) {
  if (bytes == nullptr || bytes->empty()) return;
  // A small piece behind others is cheaper to copy than to gather.
  const std::size_t room =
      tail_ == nullptr ? 0 : static_cast<std::size_t>(tail_->limit - tail_->end);
  if (bytes->size() <= std::min(kCopyLimit, room)) {
    append(std::string_view(*bytes));
  } else {
    pushHolding(std::move(bytes), Chunk::Kind::kShared);
  }
}

std::size_t OutputQueue::gather(std::span<iovec> out, std::size_t maxBytes) const noexcept {
  std::size_t count = 0;
  for (const Chunk* chunk = head_; chunk != nullptr && count < out.size(); chunk = chunk->next) {
    const auto length = static_cast<std::size_t>(chunk->end - chunk->begin);
    if (count > 0 && length > maxBytes) break;
    maxBytes -= std::min(length, maxBytes);
    // iovec serves reading too, hence its non-const base; nothing writes through it.
    out[count].iov_base =
        const_cast<char*>(chunk->begin);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    out[count].iov_len = length;
    ++count;
  }
  return count;
}

void OutputQueue::consume(std::size_t length) noexcept {
  length = std::min(length, size_);
  size_ -= length;
  while (length > 0) {
    const auto front = static_cast<std::size_t>(head_->end - head_->begin);
    if (length < front) {
      head_->begin += length;
      return;
    }
    length -= front;
    destroy(unlinkFront());
  }
}

std::size_t OutputQueue::moveFrontTo(OutputQueue& to, std::size_t maxChunks) noexcept {
  const std::size_t before = size_;
  for (; maxChunks > 0 && head_ != nullptr; --maxChunks) {
    Chunk* chunk = unlinkFront();
    size_ -= static_cast<std::size_t>(chunk->end - chunk->begin);
    to.pushBack(chunk);
  }
  return before - size_;
}

void OutputQueue::clear() noexcept {
  while (head_ != nullptr) destroy(unlinkFront());
  size_ = 0;
}

void OutputQueue::swap(OutputQueue& other) noexcept {
  std::swap(head_, other.head_);
  std::swap(tail_, other.tail_);
  std::swap(size_, other.size_);
}

void OutputQueue::pushBack(Chunk* chunk) noexcept {
  chunk->next = nullptr;
  (tail_ == nullptr ? head_ : tail_->next) = chunk;
  tail_ = chunk;
  size_ += static_cast<std::size_t>(chunk->end - chunk->begin);
}

OutputQueue::Chunk* OutputQueue::unlinkFront() noexcept {
  Chunk* chunk = head_;
  head_ = chunk->next;
  if (head_ == nullptr) tail_ = nullptr;
  return chunk;
}

}  // namespace tern
