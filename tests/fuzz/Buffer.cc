// Buffer: a script of calls, compared with a std::string after each.
#include <tern/base/Buffer.h>

#include <list>
#include <stdexcept>
#include <utility>

#include "Fuzz.h"

namespace tern::fuzz {
namespace {

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : input_(data, size) {}

  void run() {
    while (input_.remaining_bytes() > 0) {
      step();
      check();
    }
    buffer_.settle();
    loans_.clear();
    check();
  }

 private:
  void check() {
    require(buffer_.view() == expected_, "the buffer holds what was put into it");
    require(buffer_.readableBytes() == expected_.size(), "it counts what it holds");
  }

  std::string someBytes() { return input_.ConsumeRandomLengthString(2000); }
  std::size_t someLength() {
    return input_.ConsumeIntegralInRange<std::size_t>(0, expected_.size() + 2);
  }
  // A call that must throw, and change nothing, when it wants more than there is.
  template <class Call>
  bool within(std::size_t length, Call&& call) {
    bool thrown = false;
    try {
      call();
    } catch (const std::out_of_range&) {
      thrown = true;
    }
    require(thrown == (length > expected_.size()), "more than there is throws, and less does not");
    return !thrown;
  }
  void forget(std::size_t length) { expected_.erase(0, length); }

  void checkFound(const char* found, std::string_view what) const {
    const std::size_t place =
        found == nullptr ? std::string::npos : static_cast<std::size_t>(found - buffer_.peek());
    require(place == expected_.find(what), "the end of the first line is found");
  }

  void step() {
    switch (input_.ConsumeIntegralInRange(0, 13)) {
      case 0: {
        const std::string bytes = someBytes();
        buffer_.append(bytes);
        expected_ += bytes;
        return;
      }
      case 1: {
        const std::string bytes = someBytes();
        buffer_.prepend(bytes);
        expected_.insert(0, bytes);
        return;
      }
      case 2: {
        const std::size_t length = someLength();
        if (within(length, [&] { buffer_.retrieve(length); })) forget(length);
        return;
      }
      case 3: {
        const std::size_t length = someLength();
        std::string got;
        if (!within(length, [&] { got = buffer_.retrieveAsString(length); })) return;
        require(got == expected_.substr(0, length), "what is retrieved is what was first");
        forget(length);
        return;
      }
      case 4:
        buffer_.retrieveAll();
        expected_.clear();
        return;
      case 5: {
        const auto value = input_.ConsumeIntegral<std::int32_t>();
        buffer_.prependInt32(value);
        require(buffer_.readInt32() == value, "an integer prepended is read back");
        return;
      }
      case 6: {
        const auto value = input_.ConsumeIntegral<std::int64_t>();
        const std::size_t before = expected_.size();
        buffer_.appendInt64(value);
        buffer_.unwrite(sizeof value);
        require(buffer_.readableBytes() == before, "what is unwritten is gone");
        return;
      }
      case 7: {
        loans_.push_back(someBytes());
        buffer_.lend(loans_.back());
        expected_ += loans_.back();
        return;
      }
      case 8:
        buffer_.settle();
        loans_.clear();
        return;
      case 9: {
        const std::string bytes = someBytes();
        buffer_.ensureWritableBytes(bytes.size());
        require(buffer_.writableBytes() >= bytes.size(), "there is the room that was asked for");
        bytes.copy(buffer_.beginWrite(), bytes.size());
        buffer_.hasWritten(bytes.size());
        expected_ += bytes;
        return;
      }
      case 10:
        buffer_.shrink(input_.ConsumeIntegralInRange<std::size_t>(0, 5000));
        return;
      case 11:
        return checkFound(buffer_.findCRLF(), "\r\n");
      case 12: {
        Buffer copy(buffer_);
        require(copy.view() == expected_, "a copy holds the same");
        Buffer moved(std::move(buffer_));
        buffer_.swap(moved);
        return;
      }
      default:
        return checkFound(buffer_.findEOL(), "\n");
    }
  }

  FuzzedDataProvider input_;
  Buffer buffer_;
  std::string expected_;
  std::list<std::string> loans_;  // whose bytes stay where they are
};

}  // namespace
}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tern::fuzz::Script(data, size).run();
  return 0;
}
