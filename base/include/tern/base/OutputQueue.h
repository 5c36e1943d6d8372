// OutputQueue: the bytes that a connection has to send, as chunks that never move.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tern {

/// A queue of chunks of bytes. Small pieces are copied and coalesce into one chunk; a large moved
/// string, and a shared one, stay chunks of their own and are not copied. The address of a queued
/// byte stays the same until it is consumed or cleared, also while its chunk is handed on to
/// another queue: the kernel may read it meanwhile.
///
/// An empty queue holds no heap; each thread keeps some blocks for its next ones. One thread at a
/// time. Appending may throw std::bad_alloc, and then changes nothing.
class OutputQueue {
 public:
  /// A moved or shared string up to this size is copied instead, to coalesce with its neighbours.
  static constexpr std::size_t kCopyLimit = 1024;

  OutputQueue() noexcept = default;
  OutputQueue(OutputQueue&& other) noexcept { swap(other); }
  OutputQueue& operator=(OutputQueue&& other) noexcept {
    OutputQueue taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~OutputQueue() {
    if (head_ != nullptr) clear();
  }

  void append(std::string_view bytes) {
    const std::size_t room =
        tail_ == nullptr ? 0 : static_cast<std::size_t>(tail_->limit - tail_->end);
    if (bytes.size() > room) {
      tail_ == nullptr ? appendFirst(bytes) : appendBeyondTail(bytes);
    } else if (!bytes.empty()) {
      std::memcpy(tail_->limit - room, bytes.data(), bytes.size());
      tail_->end += bytes.size();
      size_ += bytes.size();
    }
  }
  void append(std::string&& bytes);
  /// Shares the bytes: one string, unless small, can be queued on many connections without a copy.
  void append(std::shared_ptr<const std::string> bytes);

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Bytes queued.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// The first chunk; empty when the queue is.
  [[nodiscard]] std::span<const char> front() const noexcept {
    return head_ == nullptr ? std::span<const char>() : std::span(head_->begin, head_->end);
  }

  /// Describes the front chunks for a gathering write; returns how many entries were filled. They
  /// hold at most `maxBytes` together, unless the first does by itself.
  [[nodiscard]] std::size_t gather(std::span<iovec> out,
                                   std::size_t maxBytes = SIZE_MAX) const noexcept;

  /// Drops `length` bytes from the front (at most size()).
  void consume(std::size_t length) noexcept {
    if (length >= size_) {
      clear();
    } else {
      consumePart(length);
    }
  }

  /// Moves up to maxChunks whole chunks from the front to the end of `to`; returns their bytes.
  std::size_t moveFrontTo(OutputQueue& to, std::size_t maxChunks) noexcept;

  void clear() noexcept;
  void swap(OutputQueue& other) noexcept {
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    std::swap(size_, other.size_);
  }

 private:
  // The head of a chunk; what it owns follows it in memory.
  struct Chunk {
    Chunk* next;
    const char* begin;
    const char* end;
    char* limit;  // how far copied bytes may fill it; == end where it holds others' bytes
    std::size_t allocation;
    enum class Kind : std::uint8_t { kFirstBlock, kBlock, kString, kShared } kind;
  };
  class SpareBlocks;

  void appendFirst(std::string_view bytes);
  void appendBeyondTail(std::string_view bytes);
  static void fill(Chunk& chunk, std::string_view bytes) noexcept;
  void consumePart(std::size_t length) noexcept;
  template <class Owner>
  void pushHolding(Owner&& owner, Chunk::Kind kind);
  void pushBack(Chunk* chunk) noexcept;
  /// Its bytes still count in size_.
  Chunk* unlinkFront() noexcept;
  static Chunk* create(std::size_t payloadBytes, Chunk::Kind kind);
  static Chunk* createFirstBlock();
  static void destroy(Chunk* chunk) noexcept;

  Chunk* head_ = nullptr;
  Chunk* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tern
