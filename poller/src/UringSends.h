// UringSends: the streams with a send that does not wait, until it is known what became of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace tern {

class UringStream;

/// In order, each at most once. The kernel carries out such a send as it takes it, and completes it
/// only if it could not send all: so what became of it is known after the submission.
class UringSends {
 public:
  static constexpr std::size_t kMost = 1024;

  [[nodiscard]] bool empty() const noexcept { return queued_ == 0; }
  [[nodiscard]] bool full() const noexcept { return queued_ == kMost; }
  /// There must be room.
  void add(UringStream& stream) noexcept { streams_[queued_++] = &stream; }

  /// Its send has a completion. Another may be added before what became of the rest is known.
  void forget(const UringStream& stream) noexcept {
    auto* const end = streams_.begin() + queued_;
    auto* const found = std::find(streams_.begin() + next_, end, &stream);
    if (found != end) *found = nullptr;
  }

  /// What became of all of them is known now.
  void becomeKnown() noexcept { known_ = queued_; }
  [[nodiscard]] bool areKnown() const noexcept { return known_ > 0; }
  /// Takes the oldest of those that are known; nullptr when there are no more.
  [[nodiscard]] UringStream* take() noexcept {
    while (next_ < known_) {
      if (UringStream* stream = streams_[next_++]) return stream;
    }
    dropKnown();
    return nullptr;
  }

 private:
  void dropKnown() noexcept {
    std::copy(streams_.begin() + known_, streams_.begin() + queued_, streams_.begin());
    queued_ -= known_;
    next_ = known_ = 0;
  }

  // Pages that are never written to cost no memory.
  std::array<UringStream*, kMost>
      streams_;  // NOLINT(cppcoreguidelines-pro-type-member-init,hicpp-member-init)
  std::size_t next_ = 0;
  std::size_t known_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace tern
