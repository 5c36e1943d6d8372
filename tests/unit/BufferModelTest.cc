// Buffer: random sequences of every method, compared with a std::string after each step.
#include <gtest/gtest.h>
#include <tern/base/Buffer.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Randomness.h"

namespace tern {
namespace {

// Network byte order, done the slow way.
template <class Int>
std::string wire(Int value) {
  std::string bytes;
  for (std::size_t i = sizeof(Int); i-- > 0;) {
    bytes.push_back(static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFFU));
  }
  return bytes;
}

class Model {
 public:
  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      const Operation& operation = operations()[random_.upTo(operations().size() - 1)];
      SCOPED_TRACE(std::string(operation.name) + " at step " + std::to_string(step) + ", seed " +
                   std::to_string(random_.seed()));
      (this->*operation.run)();
      check();
      keepSmall();
    }
    settle();
    check();
  }

 private:
  struct Operation {
    const char* name;
    void (Model::*run)();
  };
  static std::span<const Operation> operations();

  void check() const {
    ASSERT_EQ(buffer_.view(), expected_);
    ASSERT_EQ(buffer_.toStringView(), expected_);
    ASSERT_EQ(buffer_.readableBytes(), expected_.size());
    ASSERT_EQ(buffer_.empty(), expected_.empty());
    if (buffer_.borrowing()) {
      ASSERT_FALSE(loans_.empty());
      ASSERT_EQ(buffer_.internalCapacity(), 0U);
    } else {
      ASSERT_EQ(buffer_.prependableBytes() + buffer_.readableBytes() + buffer_.writableBytes(),
                buffer_.internalCapacity());
    }
    ASSERT_EQ(other_.view(), otherExpected_);
  }

  void keepSmall() {
    if (expected_.size() > 20000) {
      const std::size_t surplus = expected_.size() - random_.upTo(200);
      buffer_.retrieve(surplus);
      expected_.erase(0, surplus);
    }
    if (buffer_.internalCapacity() > 1'000'000) buffer_.shrink(0);
  }

  // Mostly small, now and then beyond every threshold.
  std::size_t someLength() { return random_.upTo(random_.oneIn(10) ? 3000 : 40); }
  std::string someBytes() { return random_.bytes(someLength()); }
  std::size_t partOf(std::size_t most) { return random_.oneIn(4) ? most : random_.upTo(most); }

  void append() {
    const std::string bytes = someBytes();
    buffer_.append(bytes);
    expected_ += bytes;
  }
  void prepend() {
    const std::string bytes = someBytes();
    buffer_.prepend(bytes);
    expected_.insert(0, bytes);
  }
  void appendItself() {
    const std::size_t from = random_.upTo(expected_.size());
    const std::size_t length = random_.upTo(expected_.size() - from);
    buffer_.append(buffer_.peek() + from, length);
    expected_ += expected_.substr(from, length);
  }
  void prependItself() {
    const std::size_t from = random_.upTo(expected_.size());
    const std::size_t length = random_.upTo(expected_.size() - from);
    buffer_.prepend(buffer_.peek() + from, length);
    expected_.insert(0, expected_.substr(from, length));
  }

  template <class Int>
  void integer(void (Buffer::*appendInt)(Int), void (Buffer::*prependInt)(Int),
               Int (Buffer::*peekInt)() const, Int (Buffer::*readInt)(),
               void (Buffer::*retrieveInt)()) {
    const Int value = static_cast<Int>(random_.bits());
    switch (random_.upTo(4)) {
      case 0:
        (buffer_.*appendInt)(value);
        expected_ += wire(value);
        return;
      case 1:
        (buffer_.*prependInt)(value);
        expected_.insert(0, wire(value));
        return;
      default:
        break;
    }
    if (expected_.size() < sizeof(Int)) {
      EXPECT_THROW(static_cast<void>((buffer_.*peekInt)()), std::out_of_range);
      EXPECT_THROW((buffer_.*readInt)(), std::out_of_range);
      EXPECT_THROW((buffer_.*retrieveInt)(), std::out_of_range);
      return;
    }
    EXPECT_EQ(wire((buffer_.*peekInt)()), expected_.substr(0, sizeof(Int)));
    if (random_.oneIn(2)) {
      EXPECT_EQ(wire((buffer_.*readInt)()), expected_.substr(0, sizeof(Int)));
    } else {
      (buffer_.*retrieveInt)();
    }
    expected_.erase(0, sizeof(Int));
  }
  void integers() {
    switch (random_.upTo(3)) {
      case 0:
        return integer(&Buffer::appendInt8, &Buffer::prependInt8, &Buffer::peekInt8,
                       &Buffer::readInt8, &Buffer::retrieveInt8);
      case 1:
        return integer(&Buffer::appendInt16, &Buffer::prependInt16, &Buffer::peekInt16,
                       &Buffer::readInt16, &Buffer::retrieveInt16);
      case 2:
        return integer(&Buffer::appendInt32, &Buffer::prependInt32, &Buffer::peekInt32,
                       &Buffer::readInt32, &Buffer::retrieveInt32);
      default:
        return integer(&Buffer::appendInt64, &Buffer::prependInt64, &Buffer::peekInt64,
                       &Buffer::readInt64, &Buffer::retrieveInt64);
    }
  }

  void writeDirectly() {
    const std::string bytes = someBytes();
    buffer_.ensureWritableBytes(bytes.size());
    char* const place = buffer_.beginWrite();
    ASSERT_GE(buffer_.writableBytes(), bytes.size());
    EXPECT_THROW(buffer_.hasWritten(buffer_.writableBytes() + 1), std::out_of_range);
    if (bytes.empty()) return;
    std::copy(bytes.begin(), bytes.end(), place);
    const std::size_t claimed = partOf(bytes.size());
    buffer_.hasWritten(claimed);
    expected_ += bytes.substr(0, claimed);
  }
  void unwrite() {
    const std::size_t length = partOf(expected_.size());
    EXPECT_THROW(buffer_.unwrite(expected_.size() + 1), std::out_of_range);
    buffer_.unwrite(length);
    expected_.resize(expected_.size() - length);
  }

  void retrieve() {
    const std::size_t length = partOf(expected_.size());
    buffer_.retrieve(length);
    expected_.erase(0, length);
  }
  void retrieveUntil() {
    const std::size_t length = partOf(expected_.size());
    buffer_.retrieveUntil(buffer_.peek() + length);
    expected_.erase(0, length);
  }
  void retrieveAll() {
    buffer_.retrieveAll();
    expected_.clear();
  }
  void retrieveAsString() {
    const std::size_t length = partOf(expected_.size());
    EXPECT_EQ(buffer_.retrieveAsString(length), expected_.substr(0, length));
    expected_.erase(0, length);
  }
  void retrieveAllAsString() {
    EXPECT_EQ(buffer_.retrieveAllAsString(), expected_);
    expected_.clear();
  }
  void readTooMuch() {
    const std::size_t tooMuch = expected_.size() + 1 + someLength();
    EXPECT_THROW(buffer_.retrieve(tooMuch), std::out_of_range);
    EXPECT_THROW(static_cast<void>(buffer_.retrieveAsString(tooMuch)), std::out_of_range);
    EXPECT_THROW(
        buffer_.ensureWritableBytes(std::numeric_limits<std::size_t>::max() - someLength()),
        std::length_error);
  }

  void find() {
    const std::size_t from = random_.upTo(expected_.size());
    const char* const start = buffer_.peek() + from;
    EXPECT_EQ(buffer_.findCRLF(start), at(expected_.find("\r\n", from)));
    EXPECT_EQ(buffer_.findEOL(start), at(expected_.find('\n', from)));
    EXPECT_EQ(buffer_.findCRLF(), at(expected_.find("\r\n")));
    EXPECT_EQ(buffer_.findEOL(), at(expected_.find('\n')));
  }
  [[nodiscard]] const char* at(std::size_t offset) const {
    return offset == std::string::npos ? nullptr : buffer_.peek() + offset;
  }

  void shrink() {
    const std::size_t reserve = random_.oneIn(3) ? 0 : someLength();
    buffer_.shrink(reserve);
    EXPECT_GE(buffer_.writableBytes(), reserve);
    const std::size_t whole = Buffer::kCheapPrepend + expected_.size() + reserve;
    EXPECT_LE(buffer_.writableBytes(), whole < 4096 ? reserve : reserve + whole / 4);
  }

  void lend() {
    const std::string bytes = someBytes();
    // Of exactly its size, so that AddressSanitizer guards both ends.
    auto block = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), block.get());
    buffer_.lend({block.get(), bytes.size()});
    loans_.push_back(std::move(block));
    expected_ += bytes;
  }
  void settle() {
    buffer_.settle();
    loans_.clear();
    EXPECT_FALSE(buffer_.borrowing());
    if (expected_.empty()) {
      EXPECT_EQ(buffer_.internalCapacity(), 0U);
    }
  }

  void copy() {
    Buffer copy(buffer_);
    EXPECT_EQ(copy.view(), expected_);
    EXPECT_FALSE(copy.borrowing());
    if (random_.oneIn(2)) {
      buffer_ = copy;
    } else {
      other_ = buffer_;
      otherExpected_ = expected_;
    }
  }
  void move() {
    Buffer moved(std::move(buffer_));
    EXPECT_TRUE(buffer_.empty());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(moved.view(), expected_);
    if (random_.oneIn(2)) {
      buffer_ = std::move(moved);
    } else {
      other_ = std::move(moved);
      otherExpected_ = std::exchange(expected_, "");
    }
  }
  void swap() {
    buffer_.swap(other_);
    expected_.swap(otherExpected_);
  }

  testing::Randomness random_;
  std::vector<std::unique_ptr<char[]>> loans_;  // alive until settle(), as the contract asks
  Buffer buffer_;
  std::string expected_;
  Buffer other_;
  std::string otherExpected_;
};

std::span<const Model::Operation> Model::operations() {
  static constexpr std::array<Operation, 22> kOperations = {{
      {"append", &Model::append},
      {"append", &Model::append},
      {"prepend", &Model::prepend},
      {"append itself", &Model::appendItself},
      {"prepend itself", &Model::prependItself},
      {"integers", &Model::integers},
      {"integers", &Model::integers},
      {"write directly", &Model::writeDirectly},
      {"unwrite", &Model::unwrite},
      {"retrieve", &Model::retrieve},
      {"retrieveUntil", &Model::retrieveUntil},
      {"retrieveAll", &Model::retrieveAll},
      {"retrieveAsString", &Model::retrieveAsString},
      {"retrieveAllAsString", &Model::retrieveAllAsString},
      {"read too much", &Model::readTooMuch},
      {"find", &Model::find},
      {"shrink", &Model::shrink},
      {"lend", &Model::lend},
      {"settle", &Model::settle},
      {"copy", &Model::copy},
      {"move", &Model::move},
      {"swap", &Model::swap},
  }};
  return kOperations;
}

TEST(Buffer, BehavesLikeAStringUnderRandomOperations) { Model().run(50000); }

}  // namespace
}  // namespace tern
