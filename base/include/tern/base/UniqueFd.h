// UniqueFd: the one owner of a file descriptor.
#pragma once

#include <utility>

namespace tern {

/// Owns a descriptor and closes it exactly once. Movable, not copyable. Not tied to a thread.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  /// Takes ownership of fd; -1 means none.
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Gives up ownership: the caller closes what is returned.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes the descriptor held, if any, and takes fd. errno is preserved.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace tern
