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

constexpr std::size_t kLargestBlock = std::size_t{64} * 1024;

std::string_view bytesOf(const std::string& owner) { return owner; }
std::string_view bytesOf(const std::shared_ptr<const std::string>& owner) { return *owner; }

}  // namespace

struct OutputQueue::SpareBlocks::Cleanup {
  // As many connections may have something to send at once, after a broadcast, without malloc: two
  // MiB at most. None under AddressSanitizer, so that it sees each block's end.
  static constexpr std::size_t kMost = kUnderAddressSanitizer ? 0 : 1024;

  Cleanup() noexcept { mayKeep_ = kMost; }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  ~Cleanup() {
    while (any()) ::operator delete(static_cast<void*>(take()), kFirstBlock);
    mayKeep_ = 0;  // a queue that ends even later on this thread frees its blocks itself
  }
};

void OutputQueue::SpareBlocks::prepare() {
  static thread_local Cleanup cleanup;
  static_cast<void>(cleanup);
}

OutputQueue::Chunk* OutputQueue::create(std::size_t payloadBytes, Chunk::Kind kind) {
  std::size_t bytes = sizeof(Chunk) + payloadBytes;
  auto* chunk = reinterpret_cast<Chunk*>(allocateBlock(bytes));
  chunk->allocation = bytes;
  chunk->limit = reinterpret_cast<char*>(chunk) + bytes;
  chunk->kind = kind;
  return chunk;
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

void OutputQueue::appendBeyondRoom(std::string_view bytes) {
  if (head_ != nullptr) {
    appendBeyondTail(bytes);
  } else if (bytes.size() > kFirstPayload) {
    Chunk* chunk = create(bytes.size(), Chunk::Kind::kBlock);
    chunk->becomeEmpty();
    pushBack(chunk);
    appendInRoom(bytes);
  } else if (!bytes.empty()) {
    SpareBlocks::prepare();
    Chunk* block = create(kFirstPayload, Chunk::Kind::kFirstBlock);
    block->next = nullptr;
    startWith(block, bytes);
  }
}

// What fits goes into the last block, the rest into a new one; that is made first, as it may throw.
void OutputQueue::appendBeyondTail(std::string_view bytes) {
  const std::string_view rest = bytes.substr(roomInTail());
  const std::size_t wanted = std::min(head_->last->allocation * 2, kLargestBlock);
  Chunk* chunk = create(std::max(rest.size(), wanted - sizeof(Chunk)), Chunk::Kind::kBlock);
  appendInRoom(bytes.substr(0, roomInTail()));
  chunk->becomeEmpty();
  pushBack(chunk);
  appendInRoom(rest);
}

template <class Owner>
void OutputQueue::pushHolding(Owner&& owner, Chunk::Kind kind) {
  Chunk* chunk = create(sizeof(Owner), kind);
  // Moved only now: had the allocation failed, the bytes would still be the caller's.
  auto* held = new (chunk + 1) Owner(std::forward<Owner>(owner));
  const std::string_view bytes = bytesOf(*held);
  // Never written through: it has no room.
  chunk->begin = const_cast<char*>(bytes.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  chunk->end = chunk->limit = chunk->begin + bytes.size();
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
    const std::size_t length = chunk->size();
    if (count > 0 && length > maxBytes) break;
    maxBytes -= std::min(length, maxBytes);
    out[count].iov_base = chunk->begin;
    out[count].iov_len = length;
    ++count;
  }
  return count;
}

void OutputQueue::consumePart(std::size_t length) noexcept {
  while (length >= head_->size()) {
    length -= head_->size();
    destroy(unlinkFront());
  }
  head_->begin += length;
  if (!isOneChunk()) head_->beforeLast -= length;
}

std::size_t OutputQueue::moveFrontTo(OutputQueue& to, std::size_t maxChunks) noexcept {
  const std::size_t before = size();
  for (; maxChunks > 0 && head_ != nullptr; --maxChunks) to.pushBack(unlinkFront());
  return before - size();
}

void OutputQueue::destroyAll() noexcept {
  Chunk* chunk = head_;
  head_ = nullptr;
  while (chunk != nullptr) destroy(std::exchange(chunk, chunk->next));
}

void OutputQueue::pushBack(Chunk* chunk) noexcept {
  chunk->next = nullptr;
  if (head_ == nullptr) {
    head_ = chunk;
    head_->beforeLast = 0;
  } else {
    head_->beforeLast += head_->last->size();
    head_->last->next = chunk;
  }
  head_->last = chunk;
}

OutputQueue::Chunk* OutputQueue::unlinkFront() noexcept {
  Chunk* chunk = head_;
  head_ = chunk->next;
  if (head_ != nullptr) {
    head_->last = chunk->last;
    head_->beforeLast = chunk->beforeLast - chunk->size();
  }
  return chunk;
}

}  // namespace tern
