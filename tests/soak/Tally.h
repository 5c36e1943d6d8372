// Tally: what a soak run did, what went wrong, and when something may.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tern::soak {

/// Any thread.
class Tally {
 public:
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> bytes{0};  ///< that were compared with what they should be
  std::atomic<std::uint64_t> resets{0};
  std::atomic<std::uint64_t> restarts{0};
  std::atomic<std::uint64_t> shortages{0};
  std::atomic<std::uint64_t> turnedAway{0};  ///< connections closed for want of descriptors
  std::atomic<std::uint64_t> timers{0};
  std::atomic<std::uint64_t> functors{0};

  /// Of the objects that the run leaves to the library to hold and to free: how many there are.
  std::atomic<std::int64_t> live{0};

  /// Something that must never be, told once the run is over.
  void fail(std::string what);
  /// The first of them.
  [[nodiscard]] std::vector<std::string> failures() const;
  [[nodiscard]] bool good() const noexcept { return failed_.load() == 0; }
  [[nodiscard]] std::uint64_t failureCount() const noexcept { return failed_.load(); }

  // While the server is away, or descriptors are short, connections may be refused and lost.
  void beginDisturbance() noexcept {
    ++ongoing_;
    ++begun_;
  }
  void endDisturbance() noexcept { --ongoing_; }
  [[nodiscard]] std::uint64_t mark() const noexcept {
    const std::uint64_t begun = begun_;
    return ongoing_ > 0 ? kDisturbed : begun;
  }
  /// No disturbance has been since the mark was taken, at that moment included.
  [[nodiscard]] bool calmSince(std::uint64_t mark) const noexcept { return mark == begun_; }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> failures_;  // guarded by mutex_
  std::atomic<std::uint64_t> failed_{0};

  static constexpr std::uint64_t kDisturbed = 0;
  // The first lasts until the server has started.
  std::atomic<int> ongoing_{1};
  std::atomic<std::uint64_t> begun_{1};
};

/// Counts as live until its last copy goes, whoever holds it.
using Token = std::shared_ptr<void>;
Token liveToken(Tally& tally);

}  // namespace tern::soak
