// OutputQueue: a singly linked list of chunks, each one allocation.
#include "tern/base/OutputQueue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "LargeBlocks.h"
#include "Sanitizers.h"

namespace tern {
namespace {

// The first block suits a pipeline of small replies; each further one doubles, so that a long queue
// has few chunks. The sizes include the header. The first one is a cache line short of a page:
// blocks a page apart would all fall on the same few lines of the cache.
constexpr std::size_t kFirstBlock = 4096 - 64;
constexpr std::size_t kLargestBlock = std::size_t{64} * 1024;

std::string_view bytesOf(const std::string& owner) { return owner; }
std::string_view bytesOf(const std::shared_ptr<const std::string>& owner) { return *owner; }

}  // namespace

// Blocks of the first size, the one that nearly every reply needs, kept for the next: a list
// costs a tenth of what malloc and free do. The list is free of constructors and destructors, so
// that reaching it is one instruction; what it holds when the thread ends, Cleanup frees.
class OutputQueue::SpareBlocks {
 public:
  static Chunk* take() noexcept {
    Chunk* block = first_;
    if (block != nullptr) {
      first_ = block->next;
      --count_;
    }
    return block;
  }

  static bool keep(Chunk* block) noexcept {
    if (count_ >= most_) return false;
    block->next = first_;
    first_ = block;
    ++count_;
    return true;
  }

  /// Before this thread's first block is made.
  static void prepare() {
    static thread_local Cleanup cleanup;
    static_cast<void>(cleanup);
  }

 private:
  // None, so that AddressSanitizer sees each block's end.
  static constexpr std::size_t kMost = kUnderAddressSanitizer ? 0 : 64;

  struct Cleanup {
    Cleanup() noexcept { most_ = kMost; }
    Cleanup(const Cleanup&) = delete;
    Cleanup& operator=(const Cleanup&) = delete;
    ~Cleanup() {
      while (Chunk* block = take()) ::operator delete(static_cast<void*>(block), kFirstBlock);
      most_ = 0;  // a queue that ends even later on this thread frees its blocks itself
    }
  };

  static constinit thread_local Chunk* first_;
  static constinit thread_local std::size_t count_;
  static constinit thread_local std::size_t most_;  // 0 before prepare()
};

constinit thread_local OutputQueue::Chunk* OutputQueue::SpareBlocks::first_ = nullptr;
constinit thread_local std::size_t OutputQueue::SpareBlocks::count_ = 0;
constinit thread_local std::size_t OutputQueue::SpareBlocks::most_ = 0;

OutputQueue::Chunk* OutputQueue::create(std::size_t payloadBytes, Chunk::Kind kind) {
  std::size_t bytes = sizeof(Chunk) + payloadBytes;
  auto* chunk = reinterpret_cast<Chunk*>(allocateBlock(bytes));
  chunk->allocation = bytes;
  chunk->kind = kind;
  return chunk;
}

OutputQueue::Chunk* OutputQueue::createFirstBlock() {
  if (Chunk* spare = SpareBlocks::take()) return spare;
  SpareBlocks::prepare();
  return create(kFirstBlock - sizeof(Chunk), Chunk::Kind::kFirstBlock);
}

void OutputQueue::destroy(Chunk* chunk) noexcept {
  using Shared = std::shared_ptr<const std::string>;
  if (chunk->kind == Chunk::Kind::kFirstBlock) {
    if (SpareBlocks::keep(chunk)) return;
  } else if (chunk->kind == Chunk::Kind::kString) {
    std::destroy_at(reinterpret_cast<std::string*>(chunk + 1));
  } else if (chunk->kind == Chunk::Kind::kShared) {
    std::destroy_at(reinterpret_cast<Shared*>(chunk + 1));
  }
  freeBlock(reinterpret_cast<char*>(chunk), chunk->allocation);
}

// To an empty queue.
void OutputQueue::appendFirst(std::string_view bytes) {
  Chunk* chunk = bytes.size() <= kFirstBlock - sizeof(Chunk)
                     ? createFirstBlock()
                     : create(bytes.size(), Chunk::Kind::kBlock);
  fill(*chunk, bytes);
  chunk->next = nullptr;
  head_ = tail_ = chunk;
  size_ = bytes.size();
}

// What fits goes into the last block, the rest into a new one; that is made first, as it may throw.
void OutputQueue::appendBeyondTail(std::string_view bytes) {
  const auto fits = static_cast<std::size_t>(tail_->limit - tail_->end);
  const std::string_view rest = bytes.substr(fits);
  const std::size_t wanted = std::min(tail_->allocation * 2, kLargestBlock);
  Chunk* chunk = create(std::max(rest.size(), wanted - sizeof(Chunk)), Chunk::Kind::kBlock);
  fill(*chunk, rest);
  append(bytes.substr(0, fits));
  pushBack(chunk);
}

void OutputQueue::fill(Chunk& chunk, std::string_view bytes) noexcept {
  auto* data = reinterpret_cast<char*>(&chunk + 1);
  chunk.begin = data;
  chunk.end = data + bytes.size();
  chunk.limit = reinterpret_cast<char*>(&chunk) + chunk.allocation;
  std::memcpy(data, bytes.data(), bytes.size());
}

template <class Owner>
void OutputQueue::pushHolding(Owner&& owner, Chunk::Kind kind) {
  Chunk* chunk = create(sizeof(Owner), kind);
  // Moved only now: had the allocation failed, the bytes would still be the caller's.
  auto* held = new (chunk + 1) Owner(std::forward<Owner>(owner));
  const std::string_view bytes = bytesOf(*held);
  chunk->begin = bytes.data();
  chunk->end = bytes.data() + bytes.size();
  chunk->limit = const_cast<char*>(
      chunk->end);  // NOLINT(cppcoreguidelines-pro-type-const-cast): never written
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
  // A small piece is cheaper to copy than to count references to, and to gather.
  if (bytes->size() <= kCopyLimit) {
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

void OutputQueue::consumePart(std::size_t length) noexcept {
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
  Chunk* chunk = head_;
  head_ = tail_ = nullptr;
  size_ = 0;
  while (chunk != nullptr) destroy(std::exchange(chunk, chunk->next));
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
