// Store: the keys and values, in shards that threads lock one by one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "KeyHash.h"
#include "Shard.h"

namespace tern::kv {

/// Any thread, if made for several; else one thread, which then takes no locks.
class Store {
 public:
  static constexpr std::size_t kShards = 64;

  struct Options {
    bool concurrent = true;
    std::size_t maxMemory = 0;  ///< bytes; 0: no limit
  };
  struct Totals {
    std::size_t keys = 0;
    std::size_t expiring = 0;
  };

  /// The shard of one key, for this thread alone while it lives. A thread has one at a time.
  class Locked {
   public:
    Shard* operator->() const noexcept { return &shard_; }
    Shard& operator*() const noexcept { return shard_; }

   private:
    friend class Store;
    Locked(Shard& shard, std::unique_lock<std::mutex> lock)
        : shard_(shard), lock_(std::move(lock)) {}
    Shard& shard_;
    std::unique_lock<std::mutex> lock_;
  };

  /// The shards of several keys: what is done while it lives is done at once for all others.
  class LockedSet {
   public:
    LockedSet(const LockedSet&) = delete;
    LockedSet& operator=(const LockedSet&) = delete;
    ~LockedSet();
    Shard& of(const Key& key) const noexcept { return store_.slotOf(key).shard; }

   private:
    friend class Store;
    LockedSet(Store& store, std::uint64_t mask);
    Store& store_;
    const std::uint64_t mask_;
  };

  explicit Store(const Options& options);

  [[nodiscard]] Key key(std::string_view text) const noexcept { return {text, hash_(text)}; }
  [[nodiscard]] Locked lock(const Key& key) { return lock(slotOf(key)); }
  [[nodiscard]] LockedSet lock(std::span<const Key> keys);

  /// Removes everything.
  void clear();
  [[nodiscard]] Totals totals();

  /// Removes at most `most` of the entries that have expired; false if there may be more.
  bool sweep(Time now, std::size_t most);

  /// Estimated bytes.
  [[nodiscard]] std::size_t usedMemory() const noexcept { return meter_.used(); }
  [[nodiscard]] std::size_t maxMemory() const noexcept { return options_.maxMemory; }
  [[nodiscard]] bool full() const noexcept {
    return options_.maxMemory != 0 && usedMemory() > options_.maxMemory;
  }

 private:
  struct alignas(64) Slot {
    explicit Slot(MemoryMeter& meter) noexcept : shard(meter) {}
    std::mutex mutex;
    Shard shard;
  };

  static std::size_t index(const Key& key) noexcept { return key.hash >> 58U; }
  Slot& slotOf(const Key& key) noexcept { return *slots_[index(key)]; }
  Locked lock(Slot& slot) const {
    return {slot.shard,
            options_.concurrent ? std::unique_lock(slot.mutex) : std::unique_lock<std::mutex>()};
  }

  const Options options_;
  const KeyHash hash_;
  MemoryMeter meter_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::atomic<std::size_t> nextToSweep_{0};
};

}  // namespace tern::kv
