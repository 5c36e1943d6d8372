// Shard: a part of the store: a hash table whose entries may expire.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tern::kv {

/// Milliseconds of tern's clock, which does not step.
using Time = std::int64_t;
inline constexpr Time kNever = std::numeric_limits<Time>::max();

/// A key and its hash, which is calculated once a command.
struct Key {
  std::string_view text;
  std::uint64_t hash;
};

/// How much memory the shards hold, as far as they know.
class MemoryMeter {
 public:
  /// `concurrent`: several threads add to it.
  explicit MemoryMeter(bool concurrent) noexcept : concurrent_(concurrent) {}
  /// Modulo 2^64: what is given back is added as its negative.
  void add(std::size_t bytes) noexcept {
    if (concurrent_) {
      used_.fetch_add(bytes, std::memory_order_relaxed);
    } else {
      used_.store(used() + bytes, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> used_{0};
  const bool concurrent_;
};

/// One thread at a time. Pointers to entries are valid until the next call that is not const.
class Shard {
 private:
  struct StoredKey {
    std::string text;
    std::uint64_t hash;
  };
  using Expiries = std::multimap<Time, const StoredKey*>;
  struct Value {
    explicit Value(std::string_view bytes) : text(bytes) {}
    std::string text;
    Time expiresAt = kNever;
    Expiries::iterator expiry;  // unless kNever
  };

 public:
  using Entry = std::pair<const StoredKey, Value>;

  explicit Shard(MemoryMeter& meter) noexcept : meter_(meter) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// The entry, or nullptr; one that has expired is removed first.
  [[nodiscard]] Entry* find(const Key& key, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    if (found->second.expiresAt < now) {
      remove(found);
      return nullptr;
    }
    return &*found;
  }
  /// Adds what find() did not find.
  Entry& add(const Key& key, std::string_view text);
  void setText(Entry& entry, std::string_view text);
  /// kNever: it stays.
  void setExpiry(Entry& entry, Time at);
  bool erase(const Key& key, Time now);

  [[nodiscard]] static const std::string& text(const Entry& entry) noexcept {
    return entry.second.text;
  }
  [[nodiscard]] static Time expiry(const Entry& entry) noexcept { return entry.second.expiresAt; }

  /// Those that have expired and were not asked for count too.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t expiring() const noexcept { return expiries_.size(); }

  /// What take() returns: it may take long to destroy.
  struct Contents;
  /// Empties the shard.
  [[nodiscard]] Contents take() noexcept;

  /// Removes at most that many of those that have expired; how many it was.
  std::size_t sweep(Time now, std::size_t most);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const noexcept { return key.hash; }
    std::size_t operator()(const StoredKey& key) const noexcept { return key.hash; }
  };
  struct Equal {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return a.hash == b.hash && a.text == b.text;
    }
  };
  using Entries = std::unordered_map<StoredKey, Value, Hash, Equal>;

  void remove(Entries::iterator entry);
  void bucketsWere(std::size_t before) noexcept;
  void grew(std::size_t bytes) noexcept;
  void shrank(std::size_t bytes) noexcept { grew(std::size_t{0} - bytes); }

  MemoryMeter& meter_;
  std::size_t bytes_ = 0;  // this shard's part of what the meter shows
  Entries entries_;
  Expiries expiries_;  // points to the keys in entries_, which don't move
};

struct Shard::Contents {
  Entries entries;
  Expiries expiries;
};

}  // namespace tern::kv
