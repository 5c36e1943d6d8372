// OutputQueue: a singly linked list of chunks, each one allocation.
#include "tern/base/OutputQueue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace tern {
namespace {

// The first block suits a few small replies; each further one doubles, so that a long queue has
// few chunks.
constexpr std::size_t kFirstBlock = 1024;
constexpr std::size_t kLargestBlock = std::size_t{64} * 1024;

}  // namespace

// A header followed by one of: bytes that were copied in (kBlock), a std::string (kString), a
// std::shared_ptr<const std::string> (kShared).
struct OutputQueue::Chunk {
  enum class Kind : std::uint8_t { kBlock, kString, kShared };

  Chunk* next = nullptr;
  const char* begin = nullptr;
  const char* end = nullptr;
  char* limit = nullptr;  // how far a block may still be filled; == end for the other kinds
  std::size_t allocation = 0;
  Kind kind = Kind::kBlock;

  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
  [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(limit - end); }
  void* payload() noexcept { return this + 1; }

  static Chunk* allocate(std::size_t payloadBytes) {
    const std::size_t bytes = sizeof(Chunk) + payloadBytes;
    auto* chunk = new (::operator new(bytes)) Chunk;
    chunk->allocation = bytes;
    return chunk;
  }

  static Chunk* block(std::size_t bytes) {
    Chunk* chunk = allocate(bytes);
    auto* data = static_cast<char*>(chunk->payload());
    chunk->begin = chunk->end = data;
    chunk->limit = data + bytes;
    return chunk;
  }

  template <class Owner>
  static Chunk* holding(Owner owner, Kind kind) {
    Chunk* chunk = allocate(sizeof(Owner));
    auto* held = new (chunk->payload()) Owner(std::move(owner));
    chunk->kind = kind;
    return chunk->show(*held);
  }

  void fill(const char* bytes, std::size_t length) noexcept {
    std::memcpy(limit - room(), bytes, length);
    end += length;
  }

  void destroy() noexcept {
    using Shared = std::shared_ptr<const std::string>;
    if (kind == Kind::kString) std::destroy_at(static_cast<std::string*>(payload()));
    if (kind == Kind::kShared) std::destroy_at(static_cast<Shared*>(payload()));
    const std::size_t bytes = allocation;
    this->~Chunk();
    ::operator delete(this, bytes);
  }

 private:
  Chunk* show(std::string& bytes) noexcept {
    begin = bytes.data();
    end = limit = bytes.data() + bytes.size();
    return this;
  }
  Chunk* show(const std::shared_ptr<const std::string>& bytes) noexcept {
    begin = bytes->data();
    end = begin + bytes->size();
    limit = const_cast<char*>(end);  // NOLINT(cppcoreguidelines-pro-type-const-cast): never written
    return this;
  }
};

void OutputQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (tail_ != nullptr) {
    const std::size_t fits = std::min(tail_->room(), bytes.size());
    if (fits > 0) {
      tail_->fill(bytes.data(), fits);
      size_ += fits;
      bytes.remove_prefix(fits);
      if (bytes.empty()) return;
    }
  }
  const std::size_t wanted =
      tail_ == nullptr ? kFirstBlock : std::min(tail_->allocation * 2, kLargestBlock);
  // The header is part of the block's size, so that blocks stay round for the allocator.
  Chunk* chunk = Chunk::block(std::max(bytes.size(), wanted - sizeof(Chunk)));
  chunk->fill(bytes.data(), bytes.size());
  pushBack(chunk);
}

void OutputQueue::append(std::string&& bytes) {
  if (bytes.size() <= kCopyLimit) {
    append(std::string_view(bytes));
  } else {
    pushBack(Chunk::holding(std::move(bytes), Chunk::Kind::kString));
  }
}

void OutputQueue::append(std::shared_ptr<const std::string> bytes) {
  if (bytes == nullptr || bytes->empty()) return;
  // A tiny piece behind others is cheaper to copy than to gather.
  if (tail_ != nullptr && bytes->size() <= std::min(kCopyLimit, tail_->room())) {
    append(std::string_view(*bytes));
  } else {
    pushBack(Chunk::holding(std::move(bytes), Chunk::Kind::kShared));
  }
}

std::size_t OutputQueue::gather(std::span<iovec> out) const noexcept {
  std::size_t count = 0;
  for (const Chunk* chunk = head_; chunk != nullptr && count < out.size(); chunk = chunk->next) {
    // iovec serves reading too, hence its non-const base; nothing writes through it.
    out[count].iov_base =
        const_cast<char*>(chunk->begin);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    out[count].iov_len = chunk->size();
    ++count;
  }
  return count;
}

void OutputQueue::consume(std::size_t length) noexcept {
  length = std::min(length, size_);
  while (length > 0) {
    const std::size_t step = std::min(length, head_->size());
    length -= step;
    if (step == head_->size()) {
      popFront()->destroy();
    } else {
      head_->begin += step;
      size_ -= step;
    }
  }
}

std::size_t OutputQueue::moveFrontTo(OutputQueue& to, std::size_t maxChunks) noexcept {
  std::size_t moved = 0;
  for (; maxChunks > 0 && head_ != nullptr; --maxChunks) {
    Chunk* chunk = popFront();
    moved += chunk->size();
    to.pushBack(chunk);
  }
  return moved;
}

void OutputQueue::clear() noexcept {
  while (head_ != nullptr) popFront()->destroy();
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
  size_ += chunk->size();
}

OutputQueue::Chunk* OutputQueue::popFront() noexcept {
  Chunk* chunk = head_;
  head_ = chunk->next;
  if (head_ == nullptr) tail_ = nullptr;
  size_ -= chunk->size();
  return chunk;
}

}  // namespace tern
