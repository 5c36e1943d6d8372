// Fifo: a queue whose memory stays, so that in the usual case queueing can't fail for want of it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace tern {

template <class T>
class Fifo {
 public:
  /// There is room for so many from the beginning.
  explicit Fifo(std::size_t room) { items_.reserve(room); }

  [[nodiscard]] bool empty() const noexcept { return next_ == items_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size() - next_; }
  /// There must be one.
  [[nodiscard]] T& front() noexcept { return items_[next_]; }
  void pop() noexcept {
    if (++next_ == items_.size()) {
      items_.clear();
      next_ = 0;
    }
  }
  /// Returns the one added, which stays where it is until the next call of push().
  T& push(T item) {
    // Half of it at least: what moves is paid for by what has gone.
    if (items_.size() == items_.capacity() && next_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    return items_.emplace_back(std::move(item));
  }

 private:
  std::vector<T> items_;
  std::size_t next_ = 0;
};

}  // namespace tern
