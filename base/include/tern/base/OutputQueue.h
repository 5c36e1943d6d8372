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
    if (head_ == nullptr && fitsSpare(bytes)) {
      appendToSpare(bytes);
    } else if (!appendInRoom(bytes)) {
      appendBeyondRoom(bytes);
    }
  }
  void append(std::string&& bytes);
  /// Shares the bytes: one string, unless small, can be queued on many connections without a copy.
  void append(std::shared_ptr<const std::string> bytes);

  /// Appends to the last block if the bytes fit into what is left of it; false, and nothing is
  /// changed, if not.
  bool appendInRoom(std::string_view bytes) noexcept {
    return head_ != nullptr && extendLast(bytes);
  }
  /// The same, for a queue that is known not to be empty.
  bool extendLast(std::string_view bytes) noexcept {
    Chunk& tail = *head_->last;
    if (bytes.size() > room(tail)) return false;
    // A chunk without room may hold someone else's bytes, and an empty view may point nowhere.
    if (bytes.empty()) return true;
    std::memcpy(tail.end, bytes.data(), bytes.size());
    tail.end += bytes.size();
    return true;
  }
  /// How many bytes the first block of a queue has room for.
  [[nodiscard]] static constexpr std::size_t firstRoom() noexcept { return kFirstPayload; }
  /// Whether these are some bytes, that block has room for them, and this thread has one to spare.
  [[nodiscard]] static bool fitsSpare(std::string_view bytes) noexcept {
    return bytes.size() - 1 < kFirstPayload && SpareBlocks::any();
  }
  /// Appends bytes that fitsSpare() to a queue that is empty. Copies them last, so that its caller
  /// need keep nothing over that call.
  void appendToSpare(std::string_view bytes) noexcept { startWith(SpareBlocks::take(), bytes); }
  /// How many bytes appendInRoom() takes at most.
  [[nodiscard]] std::size_t roomInTail() const noexcept {
    return head_ == nullptr ? 0 : room(*head_->last);
  }

  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  /// Whether all of it, which must not be nothing, is in front().
  [[nodiscard]] bool isOneChunk() const noexcept { return head_->next == nullptr; }
  /// Bytes queued.
  [[nodiscard]] std::size_t size() const noexcept {
    return head_ == nullptr ? 0 : head_->beforeLast + head_->last->size();
  }

  /// The first chunk; empty when the queue is.
  [[nodiscard]] std::span<const char> front() const noexcept {
    return head_ == nullptr ? std::span<const char>() : knownFront();
  }

  /// The same, for a queue that is known not to be empty.
  [[nodiscard]] std::span<const char> knownFront() const noexcept {
    return {head_->begin, head_->end};
  }

  /// Describes the front chunks for a gathering write; returns how many entries were filled. They
  /// hold at most `maxBytes` together, unless the first does by itself.
  [[nodiscard]] std::size_t gather(std::span<iovec> out,
                                   std::size_t maxBytes = SIZE_MAX) const noexcept;

  /// Drops `length` bytes from the front (at most size()).
  void consume(std::size_t length) noexcept {
    if (length >= size()) {
      clear();
    } else {
      consumePart(length);
    }
  }

  /// All that `from` holds; this one must be empty.
  void takeAll(OutputQueue& from) noexcept { head_ = std::exchange(from.head_, nullptr); }
  /// Moves up to maxChunks whole chunks from the front to the end of `to`; returns their bytes.
  std::size_t moveFrontTo(OutputQueue& to, std::size_t maxChunks) noexcept;

  void clear() noexcept {
    if (head_ != nullptr && isOneChunk()) {
      clearOnly();
    } else {
      destroyAll();
    }
  }
  /// The same, for a queue that is known to hold one chunk.
  void clearOnly() noexcept {
    if (head_->isFirstBlock() && SpareBlocks::keep(head_)) {
      head_ = nullptr;
    } else {
      destroyAll();
    }
  }
  void swap(OutputQueue& other) noexcept { std::swap(head_, other.head_); }

 private:
  // The head of a chunk; what it owns follows it in memory.
  struct Chunk {
    Chunk* next;
    // Of the queue; valid in its first chunk, so that an empty queue is one pointer.
    Chunk* last;
    std::size_t beforeLast;  // bytes in all chunks but that: to append to it changes only its end
    char* begin;
    char* end;
    char* limit;  // how far copied bytes may fill it; == end where it holds others' bytes
    std::size_t allocation;
    enum class Kind : std::uint8_t { kFirstBlock, kBlock, kString, kShared } kind;

    [[nodiscard]] std::size_t size() const noexcept {
      return static_cast<std::size_t>(end - begin);
    }
    [[nodiscard]] bool isFirstBlock() const noexcept { return kind == Kind::kFirstBlock; }
    [[nodiscard]] char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    /// For a block: all of it is room again.
    void becomeEmpty() noexcept { begin = end = data(); }
  };

  // The first block suits a pipeline of small replies; each further one doubles, so that a long
  // queue has few chunks. It is a cache line short of a power of two: blocks that far apart would
  // all fall on the same few lines of the cache.
  static constexpr std::size_t kFirstBlock = 2048 - 64;
  static constexpr std::size_t kFirstPayload = kFirstBlock - sizeof(Chunk);

  // Blocks of the first size, the one that nearly every reply needs, kept, empty, for the next: a
  // list costs a tenth of what malloc and free do. Free of constructors and destructors, so that
  // reaching it is one instruction; what it holds when the thread ends, a Cleanup frees.
  class SpareBlocks {
   public:
    static bool any() noexcept { return first_ != nullptr; }
    /// There must be one.
    static Chunk* take() noexcept {
      Chunk* block = first_;
      first_ = std::exchange(block->next, nullptr);
      ++mayKeep_;
      return block;
    }
    static bool keep(Chunk* block) noexcept {
      if (mayKeep_ == 0) return false;
      --mayKeep_;
      block->next = first_;
      first_ = block;
      return true;
    }
    /// Before this thread's first block is made.
    static void prepare();

   private:
    struct Cleanup;
    static inline constinit thread_local Chunk* first_ = nullptr;
    static inline constinit thread_local std::size_t mayKeep_ = 0;  // beyond those kept
  };

  [[nodiscard]] static std::size_t room(const Chunk& chunk) noexcept {
    return static_cast<std::size_t>(chunk.limit - chunk.end);
  }
  void startWith(Chunk* block, std::string_view bytes) noexcept {
    block->begin = block->data();
    block->end = block->begin + bytes.size();
    head_ = block->last = block;
    block->beforeLast = 0;
    std::memcpy(block->data(), bytes.data(), bytes.size());
  }
  void appendBeyondRoom(std::string_view bytes);
  void appendBeyondTail(std::string_view bytes);
  void consumePart(std::size_t length) noexcept;
  template <class Owner>
  void pushHolding(Owner&& owner, Chunk::Kind kind);
  void pushBack(Chunk* chunk) noexcept;
  Chunk* unlinkFront() noexcept;
  static Chunk* create(std::size_t payloadBytes, Chunk::Kind kind);
  static void destroy(Chunk* chunk) noexcept;
  void destroyAll() noexcept;

  Chunk* head_ = nullptr;
};

}  // namespace tern
