// Store: which shards to lock, in which order.
#include "Store.h"

namespace tern::kv {
namespace {

static_assert(Store::kShards == 64, "a mask of shards is one word, and an index six bits");

bool has(std::uint64_t mask, std::size_t index) noexcept { return ((mask >> index) & 1U) != 0; }

}  // namespace

Store::Store(const Options& options)
    : options_(options), hash_(randomKeyHash()), meter_(options.concurrent) {
  slots_.reserve(kShards);
  for (std::size_t i = 0; i < kShards; ++i) slots_.push_back(std::make_unique<Slot>(meter_));
}

Store::LockedSet Store::lock(std::span<const Key> keys) {
  std::uint64_t mask = 0;
  for (const Key& key : keys) mask |= std::uint64_t{1} << index(key);
  return {*this, mask};
}

// Always from the first to the last, so that two threads can't wait for each other.
Store::LockedSet::LockedSet(Store& store, std::uint64_t mask)
    : store_(store), mask_(store.options_.concurrent ? mask : 0) {
  for (std::size_t i = 0; i < kShards; ++i) {
    if (has(mask_, i)) store_.slots_[i]->mutex.lock();
  }
}

Store::LockedSet::~LockedSet() {
  for (std::size_t i = 0; i < kShards; ++i) {
    if (has(mask_, i)) store_.slots_[i]->mutex.unlock();
  }
}

void Store::clear() {
  // Destroyed when nobody waits for a shard any more.
  std::vector<Shard::Contents> garbage;
  garbage.reserve(kShards);
  const LockedSet all(*this, ~std::uint64_t{0});
  for (const auto& slot : slots_) garbage.push_back(slot->shard.take());
}

Store::Totals Store::totals() {
  Totals totals;
  for (const auto& slot : slots_) {
    const Locked shard = lock(*slot);
    totals.keys += shard->size();
    totals.expiring += shard->expiring();
  }
  return totals;
}

bool Store::sweep(Time now, std::size_t most) {
  std::size_t left = most;
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::size_t current = nextToSweep_.load(std::memory_order_relaxed) % kShards;
    left -= lock(*slots_[current])->sweep(now, left);
    if (left == 0) return false;
    nextToSweep_.store(current + 1, std::memory_order_relaxed);
  }
  return true;
}

}  // namespace tern::kv
