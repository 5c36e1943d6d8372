// Buffer: storage, loans and network-order integers.
#include "tern/base/Buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "LargeBlocks.h"

namespace tern {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() / 4;

}  // namespace

Buffer::Buffer(const Buffer& other) { append(other.view()); }

// NOLINTNEXTLINE(performance-noexcept-move-constructor): see the header
Buffer::Buffer(Buffer&& other) { swap(other); }

Buffer& Buffer::operator=(const Buffer& other) {
  if (this != &other) {
    Buffer copy(other);
    swap(copy);
  }
  return *this;
}

// NOLINTNEXTLINE(performance-noexcept-move-constructor): see the header
Buffer& Buffer::operator=(Buffer&& other) {
  if (this != &other) {
    Buffer taken(std::move(other));
    swap(taken);
  }
  return *this;
}

Buffer::~Buffer() { freeBlock(storage_, capacity_); }

// NOLINTNEXTLINE(performance-noexcept-swap): see the header
void Buffer::swap(Buffer& other) {
  // A loan belongs to one callback of one connection: it must not travel with the object.
  if (borrowing()) reallocate(kCheapPrepend, 0);
  if (other.borrowing()) other.reallocate(kCheapPrepend, 0);
  std::swap(storage_, other.storage_);
  std::swap(capacity_, other.capacity_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
}

void Buffer::tooFewReadable(std::size_t length, const char* what) const {
  throw std::out_of_range("Buffer::" + std::string(what) + ": " + std::to_string(length) +
                          " bytes wanted, " + std::to_string(readableBytes()) + " readable");
}

void Buffer::requireInside(const char* position, const char* what) const {
  const std::less<> before;
  if (before(position, begin_) || before(end_, position)) {
    throw std::out_of_range("Buffer::" + std::string(what) +
                            ": the pointer is not inside the readable bytes");
  }
}

const char* Buffer::findCRLF(const char* start) const {
  requireInside(start, "findCRLF");
  if (start == end_) return nullptr;
  static constexpr std::string_view kCRLF = "\r\n";
  const std::size_t at =
      std::string_view(start, static_cast<std::size_t>(end_ - start)).find(kCRLF);
  return at == std::string_view::npos ? nullptr : start + at;
}

const char* Buffer::findEOL(const char* start) const {
  requireInside(start, "findEOL");
  if (start == end_) return nullptr;
  return static_cast<const char*>(std::memchr(start, '\n', static_cast<std::size_t>(end_ - start)));
}

void Buffer::retrieveUntil(const char* end) {
  requireInside(end, "retrieveUntil");
  retrieve(static_cast<std::size_t>(end - begin_));
}

void Buffer::emptyStorage() noexcept {
  if (capacity_ > kKeepWhenEmpty) {
    forget();
  } else if (storage_ != nullptr) {
    begin_ = end_ = storage_ + std::min(kCheapPrepend, capacity_);
  }
}

std::string Buffer::retrieveAsString(std::size_t length) {
  requireReadable(length, "retrieveAsString");
  std::string result(begin_, length);
  retrieve(length);
  return result;
}

void Buffer::append(const void* data, std::size_t length) {
  if (length == 0) return;
  if (writableBytes() < length && inStorage(data)) {
    // The source is our own memory, which growing would free.
    const std::string copy(static_cast<const char*>(data), length);
    append(copy);
    return;
  }
  ensureWritableBytes(length);
  std::memcpy(beginWrite(), data, length);
  end_ += length;
}

void Buffer::prepend(const void* data, std::size_t length) {
  if (length == 0) return;
  if (prependableBytes() < length) {
    if (inStorage(data)) {
      const std::string copy(static_cast<const char*>(data), length);
      prepend(copy);
      return;
    }
    makeFrontRoom(length);
  }
  begin_ -= length;
  std::memmove(storage_ + (begin_ - storage_), data, length);
}

// Half of the room goes to the front, so that a run of prepends moves the bytes rarely; and only
// when there is little room for their number does the buffer grow.
void Buffer::makeFrontRoom(std::size_t length) {
  if (length > kMost) throw std::length_error("Buffer: more than the address space holds");
  const std::size_t readable = readableBytes();
  const std::size_t room = borrowing() ? 0 : capacity_ - readable;
  if (room < length || room - length < readable / 4) {
    reallocate(std::max(length, kCheapPrepend) + readable / 4, 0);
    return;
  }
  char* begin = storage_ + length + (room - length) / 2;
  std::memmove(begin, begin_, readable);
  begin_ = begin;
  end_ = begin + readable;
}

void Buffer::ensureWritableBytes(std::size_t length) {
  if (writableBytes() >= length) return;
  const std::size_t readable = readableBytes();
  // Room that was freed at the front is used again before the buffer grows, unless that would
  // move a lot to gain little.
  if (storage_ != nullptr && capacity_ >= kCheapPrepend + readable &&
      capacity_ - kCheapPrepend - readable >= length && readable <= capacity_ / 2) {
    char* front = storage_ + kCheapPrepend;
    std::memmove(front, begin_, readable);
    begin_ = front;
    end_ = front + readable;
    return;
  }
  reallocate(kCheapPrepend, length);
}

char* Buffer::beginWrite() {
  if (borrowing()) reallocate(kCheapPrepend, 0);
  return storage_ == nullptr ? nullptr : storage_ + (end_ - storage_);
}

void Buffer::hasWritten(std::size_t length) {
  if (length > writableBytes()) {
    throw std::out_of_range("Buffer::hasWritten: " + std::to_string(length) + " bytes, but only " +
                            std::to_string(writableBytes()) + " were writable");
  }
  end_ += length;
}

void Buffer::unwrite(std::size_t length) {
  requireReadable(length, "unwrite");
  end_ -= length;
  if (empty()) retrieveAll();
}

std::size_t Buffer::writableBytes() const noexcept {
  if (storage_ == nullptr) return 0;
  return static_cast<std::size_t>(storage_ + capacity_ - end_);
}

std::size_t Buffer::prependableBytes() const noexcept {
  if (storage_ == nullptr) return 0;
  return static_cast<std::size_t>(begin_ - storage_);
}

void Buffer::shrink(std::size_t reserve) {
  if (empty() && reserve == 0) {
    forget();
    return;
  }
  if (reserve > kMost) throw std::length_error("Buffer::shrink: the reserve is too large");
  relocate(kCheapPrepend, kCheapPrepend + readableBytes() + reserve);
}

void Buffer::lendBehind(std::span<const char> bytes) {
  if (storage_ != nullptr && bytes.data() == end_ && bytes.size() <= writableBytes()) {
    end_ += bytes.size();
  } else if (!empty() || borrowing()) {
    append(bytes.data(), bytes.size());
  } else {
    forget();
    lend(bytes);
  }
}

void Buffer::settleStorage() {
  if (empty()) {
    forget();
  } else if (borrowing()) {
    reallocate(kCheapPrepend, 0);
  }
}

bool Buffer::inStorage(const void* data) const noexcept {
  const std::less_equal<> notAfter;
  const auto* position = static_cast<const char*>(data);
  return storage_ != nullptr && notAfter(storage_, position) &&
         notAfter(position, storage_ + capacity_);
}

void Buffer::forget() noexcept {
  freeBlock(storage_, capacity_);
  storage_ = nullptr;
  capacity_ = 0;
  begin_ = end_ = nullptr;
}

void Buffer::reallocate(std::size_t front, std::size_t back) {
  const std::size_t readable = readableBytes();
  if (readable > kMost || front > kMost || back > kMost) {
    throw std::length_error("Buffer: more than the address space holds");
  }
  const std::size_t needed = front + readable + back;
  // Doubling makes a long run of appends linear; taking over a loan needs no such reserve.
  const bool exact = borrowing() && back == 0;
  relocate(front, exact ? needed : std::max({needed, capacity_ * 2, kInitialSize}));
}

void Buffer::relocate(std::size_t front, std::size_t capacity) {
  const std::size_t readable = readableBytes();
  char* fresh = allocateBlock(capacity);
  char* begin = fresh + front;
  if (readable > 0) std::memcpy(begin, begin_, readable);
  forget();
  storage_ = fresh;
  capacity_ = capacity;
  begin_ = begin;
  end_ = begin + readable;
}

template <class Int>
void Buffer::appendInt(Int x) {
  const Int wire = networkOrder(x);
  append(&wire, sizeof wire);
}

template <class Int>
void Buffer::prependInt(Int x) {
  const Int wire = networkOrder(x);
  prepend(&wire, sizeof wire);
}

void Buffer::appendInt64(std::int64_t x) { appendInt(x); }
void Buffer::appendInt32(std::int32_t x) { appendInt(x); }
void Buffer::appendInt16(std::int16_t x) { appendInt(x); }
void Buffer::appendInt8(std::int8_t x) { appendInt(x); }
void Buffer::prependInt64(std::int64_t x) { prependInt(x); }
void Buffer::prependInt32(std::int32_t x) { prependInt(x); }
void Buffer::prependInt16(std::int16_t x) { prependInt(x); }
void Buffer::prependInt8(std::int8_t x) { prependInt(x); }

}  // namespace tern
