// FileOutput: the files that a connection has to send, and what it has to send after each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "tern/base/OutputQueue.h"
#include "tern/base/UniqueFd.h"

namespace tern {

/// A part of a file, what is left of it, and the bytes that were sent after it.
struct FilePart {
  std::shared_ptr<const UniqueFd> file;
  std::uint64_t offset;
  std::uint64_t left;
  OutputQueue after;

  [[nodiscard]] int fd() const noexcept { return file->get(); }
  void advance(std::size_t bytes) noexcept {
    offset += bytes;
    left -= bytes;
  }
  /// The next bytes of the file, at most that many. Throws std::system_error when there are none.
  std::string read(std::size_t most);
};

/// In the order in which they were sent. The loop's thread.
class FileOutput {
 public:
  void push(std::shared_ptr<const UniqueFd> file, std::uint64_t offset, std::uint64_t length) {
    parts_.push_back({std::move(file), offset, length, {}});
  }
  [[nodiscard]] bool empty() const noexcept { return parts_.empty(); }
  [[nodiscard]] FilePart& front() noexcept { return parts_.front(); }

  /// The stream can't send from these files by itself: they are read.
  [[nodiscard]] bool mustRead() const noexcept { return mustRead_; }
  void noteMustRead() noexcept { mustRead_ = true; }

  /// Bytes that wait behind a file.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  template <class Bytes>
  void append(Bytes&& bytes) {
    OutputQueue& queue = parts_.back().after;
    const std::size_t before = queue.size();
    queue.append(std::forward<Bytes>(bytes));
    waiting_ += queue.size() - before;
  }
  /// The first file is done: what was sent after it.
  OutputQueue pop() noexcept {
    OutputQueue after = std::move(parts_.front().after);
    parts_.pop_front();
    waiting_ -= after.size();
    return after;
  }

 private:
  std::deque<FilePart> parts_;
  std::size_t waiting_ = 0;
  bool mustRead_ = false;
};

}  // namespace tern
