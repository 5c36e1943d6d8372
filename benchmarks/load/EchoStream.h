// What one connection has sent and what it must therefore get back: an endless sequence of batches,
// checked byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

#include "Pattern.h"

namespace tern::load {

// The server sent something other than the echo; what() says what and where.
class EchoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Messages of one batch that a received piece has completed.
struct Completed {
  std::uint64_t batch;
  std::uint32_t messages;
  bool batchEnded;
};

struct Tally {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;

  Tally& operator+=(const Tally& other) {
    messages += other.messages;
    bytes += other.bytes;
    return *this;
  }
};

// Holds no bytes: each batch is a slot of the shared pattern, which must outlive the stream.
class EchoStream {
 public:
  EchoStream() = default;
  // Streams with different ids walk the slots of the pattern from other starts in other steps.
  EchoStream(const Pattern& pattern, std::uint32_t id);

  // In a broadcast this stream carries what `speaker` sends: all of it from here on. What join()
  // was given must be between two batches.
  void join(const EchoStream& speaker);
  // What `speaker` has sent by now is expected here.
  void follow(const EchoStream& speaker) { sent_ = speaker.sent_; }

  // What is left of the batch that is being sent; never empty.
  std::span<const char> unsent() const {
    return pattern_->batch(slotOf(sent_.batch)).subspan(sent_.offset);
  }
  void markSent(std::size_t bytes) { advance(sent_, bytes); }

  // Checks bytes that arrived, and calls completed(const Completed&) for every batch in which they
  // end a message. Throws EchoError at the first byte that is wrong or that answers nothing sent.
  template <typename OnCompleted>
  void receive(std::span<const char> bytes, OnCompleted&& completed);

  std::uint64_t batchesSent() const { return sent_.batch; }          // whole ones
  std::uint64_t batchesAnswered() const { return received_.batch; }  // whole ones
  std::uint32_t messagesAnsweredInBatch() const { return messagesBefore(received_); }
  // Everything that came back and was right; nothing for a stream that was never given a pattern.
  Tally tally() const {
    if (pattern_ == nullptr) return {};
    const std::uint64_t batches = received_.batch - joinedAt_;
    return {batches * pattern_->depth() + messagesBefore(received_),
            batches * pattern_->batchBytes() + received_.offset};
  }
  bool anythingSent() const { return sent_.batch != joinedAt_ || sent_.offset != 0; }

 private:
  struct Position {
    std::uint64_t batch = 0;
    std::size_t offset = 0;  // always below the size of a batch
  };

  std::uint32_t slotOf(std::uint64_t batch) const {
    return firstSlot_ + step_ * static_cast<std::uint32_t>(batch);
  }
  void advance(Position& position, std::size_t bytes) const {
    position.offset += bytes;
    if (position.offset == pattern_->batchBytes()) {
      position.offset = 0;
      ++position.batch;
    }
  }
  // The common case, a position between batches, costs no division.
  std::uint32_t messagesBefore(const Position& position) const {
    if (position.offset == 0) return 0;
    return static_cast<std::uint32_t>(position.offset / pattern_->messageBytes());
  }
  std::size_t expectedInBatch() const {
    const std::size_t end = received_.batch < sent_.batch ? pattern_->batchBytes() : sent_.offset;
    return end - received_.offset;
  }
  [[noreturn]] void throwSurplus(std::size_t bytes) const;
  [[noreturn]] void throwWrongByte(std::span<const char> bytes, const char* expected) const;

  const Pattern* pattern_ = nullptr;
  std::uint32_t firstSlot_ = 0;
  std::uint32_t step_ = 1;
  std::uint64_t joinedAt_ = 0;  // batches of a broadcast that were over before
  Position sent_;
  Position received_;
};

template <typename OnCompleted>
void EchoStream::receive(std::span<const char> bytes, OnCompleted&& completed) {
  while (!bytes.empty()) {
    const std::size_t length = bytes.size() < expectedInBatch() ? bytes.size() : expectedInBatch();
    if (length == 0) throwSurplus(bytes.size());
    const char* expected = pattern_->batch(slotOf(received_.batch)).data() + received_.offset;
    if (std::memcmp(bytes.data(), expected, length) != 0) {
      throwWrongByte(bytes.first(length), expected);
    }

    const std::uint64_t batch = received_.batch;
    const std::uint32_t before = messagesBefore(received_);
    advance(received_, length);
    const bool batchEnded = received_.batch != batch;
    const std::uint32_t after = batchEnded ? pattern_->depth() : messagesBefore(received_);
    if (after != before) completed(Completed{batch, after - before, batchEnded});
    bytes = bytes.subspan(length);
  }
}

}  // namespace tern::load
