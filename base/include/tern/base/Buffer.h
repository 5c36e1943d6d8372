// Buffer: the bytes that a connection received and nobody has read yet. The surface is muduo's.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tern {

/// A byte queue: append at the end, retrieve from the front, prepend a header cheaply.
///
///     +-------------------+------------------+------------------+
///     | prependable bytes |  readable bytes  |  writable bytes  |
///     +-------------------+------------------+------------------+
///
/// No heap until the first byte is stored; large blocks that are given back are kept, up to 16 MiB
/// a thread, for the next buffers. Beyond muduo's, a buffer can *borrow*: lend() shows the reader
/// bytes that live elsewhere, and settle() copies only what the reader left. Any writing call, and
/// copying or moving the buffer, takes lent bytes into its own memory first.
///
/// One thread at a time. Pointers and views into the buffer are valid until the next non-const
/// call. Reading more than is there throws std::out_of_range and changes nothing; growing may throw
/// std::bad_alloc or std::length_error and changes nothing.
class Buffer {
 public:
  /// Room kept in front of the first stored byte, so that prepend() of a header does not move data.
  static constexpr std::size_t kCheapPrepend = 8;
  static constexpr std::size_t kInitialSize = 1024;
  /// Once emptied, memory above this size is given back.
  static constexpr std::size_t kKeepWhenEmpty = std::size_t{4} * 1024;

  Buffer() noexcept = default;
  Buffer(const Buffer& other);
  Buffer& operator=(const Buffer& other);
  ~Buffer();
  // These may have to copy lent bytes, and throw std::bad_alloc.
  // NOLINTBEGIN(performance-noexcept-*)
  Buffer(Buffer&& other);
  Buffer& operator=(Buffer&& other);
  void swap(Buffer& other);
  // NOLINTEND(performance-noexcept-*)

  // --- reading ---

  [[nodiscard]] std::size_t readableBytes() const noexcept {
    return static_cast<std::size_t>(end_ - begin_);
  }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] const char* peek() const noexcept { return begin_; }
  [[nodiscard]] std::string_view view() const noexcept { return {begin_, readableBytes()}; }
  [[nodiscard]] std::string_view toStringView() const noexcept { return view(); }

  /// The first CR LF (CRLF) or LF (EOL) at or after `start`, or nullptr. A start outside the
  /// readable bytes throws std::out_of_range.
  [[nodiscard]] const char* findCRLF() const noexcept { return findCRLF(begin_); }
  [[nodiscard]] const char* findCRLF(const char* start) const;
  [[nodiscard]] const char* findEOL() const noexcept { return findEOL(begin_); }
  [[nodiscard]] const char* findEOL(const char* start) const;

  /// Drops bytes from the front.
  void retrieve(std::size_t length) {
    requireReadable(length, "retrieve");
    begin_ += length;
    if (begin_ == end_) retrieveAll();
  }
  void retrieveUntil(const char* end);
  void retrieveAll() noexcept {
    if (storage_ == nullptr) {
      begin_ = end_;
    } else {
      emptyStorage();
    }
  }
  void retrieveInt64() { retrieve(sizeof(std::int64_t)); }
  void retrieveInt32() { retrieve(sizeof(std::int32_t)); }
  void retrieveInt16() { retrieve(sizeof(std::int16_t)); }
  void retrieveInt8() { retrieve(sizeof(std::int8_t)); }
  [[nodiscard]] std::string retrieveAsString(std::size_t length);
  [[nodiscard]] std::string retrieveAllAsString() { return retrieveAsString(readableBytes()); }

  /// Integers in network byte order: peek leaves them, read removes them.
  [[nodiscard]] std::int64_t peekInt64() const { return peekInt<std::int64_t>(); }
  [[nodiscard]] std::int32_t peekInt32() const { return peekInt<std::int32_t>(); }
  [[nodiscard]] std::int16_t peekInt16() const { return peekInt<std::int16_t>(); }
  [[nodiscard]] std::int8_t peekInt8() const { return peekInt<std::int8_t>(); }
  std::int64_t readInt64() { return readInt<std::int64_t>(); }
  std::int32_t readInt32() { return readInt<std::int32_t>(); }
  std::int16_t readInt16() { return readInt<std::int16_t>(); }
  std::int8_t readInt8() { return readInt<std::int8_t>(); }

  // --- writing ---

  void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
  void append(const void* data, std::size_t length);
  void appendInt64(std::int64_t x);
  void appendInt32(std::int32_t x);
  void appendInt16(std::int16_t x);
  void appendInt8(std::int8_t x);

  /// Puts bytes in front. Cheap up to prependableBytes(); moves the data otherwise.
  void prepend(std::string_view bytes) { prepend(bytes.data(), bytes.size()); }
  void prepend(const void* data, std::size_t length);
  void prependInt64(std::int64_t x);
  void prependInt32(std::int32_t x);
  void prependInt16(std::int16_t x);
  void prependInt8(std::int8_t x);

  /// Direct writing: ensureWritableBytes(n), write at beginWrite(), then hasWritten(n).
  void ensureWritableBytes(std::size_t length);
  [[nodiscard]] char* beginWrite();
  void hasWritten(std::size_t length);
  /// Takes back the last bytes written.
  void unwrite(std::size_t length);
  [[nodiscard]] std::size_t writableBytes() const noexcept;
  [[nodiscard]] std::size_t prependableBytes() const noexcept;

  // --- memory ---

  /// Bytes of heap held.
  [[nodiscard]] std::size_t internalCapacity() const noexcept { return capacity_; }
  /// Reallocates to what is readable plus `reserve` writable bytes, from 4 KiB on up to a quarter
  /// more; with nothing to hold, holds no heap at all.
  void shrink(std::size_t reserve);

  /// Shows `bytes`, which live elsewhere, behind what is already readable: uncopied when the buffer
  /// is empty; if they lie at its own beginWrite(), just counted. They must stay valid until
  /// settle().
  void lend(std::span<const char> bytes) {
    if (begin_ != nullptr) {
      lendBehind(bytes);
      return;
    }
    begin_ = bytes.data();
    end_ = bytes.data() + bytes.size();
  }
  /// Ends the loan: copies what is still unread, or, with nothing unread, frees all memory.
  void settle() {
    if (storage_ == nullptr && empty()) {
      begin_ = end_ = nullptr;
    } else if (begin_ != nullptr) {
      settleStorage();
    }
  }
  [[nodiscard]] bool borrowing() const noexcept { return begin_ != nullptr && storage_ == nullptr; }

 private:
  /// Host to network byte order and back.
  template <class Int>
  static Int networkOrder(Int x) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
      if constexpr (sizeof(Int) == 8)
        x = static_cast<Int>(__builtin_bswap64(static_cast<std::uint64_t>(x)));
      if constexpr (sizeof(Int) == 4)
        x = static_cast<Int>(__builtin_bswap32(static_cast<std::uint32_t>(x)));
      if constexpr (sizeof(Int) == 2)
        x = static_cast<Int>(__builtin_bswap16(static_cast<std::uint16_t>(x)));
    }
    return x;
  }
  template <class Int>
  [[nodiscard]] Int peekInt() const {
    requireReadable(sizeof(Int), "peekInt");
    Int x;
    std::memcpy(&x, begin_, sizeof x);
    return networkOrder(x);
  }
  template <class Int>
  Int readInt() {
    const Int x = peekInt<Int>();
    retrieve(sizeof(Int));
    return x;
  }
  template <class Int>
  void appendInt(Int x);
  template <class Int>
  void prependInt(Int x);

  void requireReadable(std::size_t length, const char* what) const {
    if (length > readableBytes()) tooFewReadable(length, what);
  }
  [[noreturn]] void tooFewReadable(std::size_t length, const char* what) const;
  void requireInside(const char* position, const char* what) const;
  /// Makes the bytes ours, with at least the given free room on both sides.
  void reallocate(std::size_t front, std::size_t back);
  void makeFrontRoom(std::size_t length);
  void relocate(std::size_t front, std::size_t capacity);
  [[nodiscard]] bool inStorage(const void* data) const noexcept;
  void forget() noexcept;
  void emptyStorage() noexcept;
  void lendBehind(std::span<const char> bytes);
  void settleStorage();

  char* storage_ = nullptr;
  std::size_t capacity_ = 0;
  const char* begin_ = nullptr;  // inside storage_; else lent; else null
  const char* end_ = nullptr;
};

}  // namespace tern
