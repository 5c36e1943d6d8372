// Shard: std::unordered_map for the entries, an ordered index of those that expire.
#include "Shard.h"

namespace tern::kv {
namespace {

// What malloc adds to a block, and what a node of a table or a tree has beside its element.
constexpr std::size_t kBlock = 16;
constexpr std::size_t kEntryNode = sizeof(Shard::Entry) + sizeof(void*) + kBlock;
constexpr std::size_t kExpiryNode = 6 * sizeof(void*) + kBlock;

// A table that shrank to an eighth gives its buckets back.
constexpr std::size_t kSparse = 8;
constexpr std::size_t kSmallTable = 1024;

const std::size_t kInPlace = std::string().capacity();

std::size_t heapOf(const std::string& text) noexcept {
  return text.capacity() > kInPlace ? text.capacity() + kBlock : 0;
}

}  // namespace

Shard::Entry& Shard::add(const Key& key, std::string_view text) {
  const std::size_t buckets = entries_.bucket_count();
  const auto added = entries_.try_emplace(StoredKey{std::string(key.text), key.hash}, text);
  Entry& entry = *added.first;
  grew(kEntryNode + heapOf(entry.first.text) + heapOf(entry.second.text));
  bucketsWere(buckets);
  return entry;
}

void Shard::setText(Entry& entry, std::string_view text) {
  std::string& stored = entry.second.text;
  const std::size_t before = heapOf(stored);
  if (text.size() < stored.capacity() / 2) {
    // A value that was once large shall not stay so. Assigning a short one would keep the memory.
    std::string(text).swap(stored);
  } else {
    stored.assign(text);
  }
  const std::size_t after = heapOf(stored);
  if (after != before) grew(after - before);
}

void Shard::setExpiry(Entry& entry, Time at) {
  auto& [key, value] = entry;
  if (value.expiresAt == at) return;
  if (value.expiresAt == kNever) {
    value.expiry = expiries_.emplace(at, &key);
    grew(kExpiryNode);
  } else if (at == kNever) {
    expiries_.erase(value.expiry);
    shrank(kExpiryNode);
  } else {
    auto node = expiries_.extract(value.expiry);
    node.key() = at;
    value.expiry = expiries_.insert(std::move(node));
  }
  value.expiresAt = at;
}

bool Shard::erase(const Key& key, Time now) {
  if (find(key, now) == nullptr) return false;
  remove(entries_.find(key));
  return true;
}

Shard::Contents Shard::take() noexcept {
  shrank(bytes_);
  return {std::exchange(entries_, {}), std::exchange(expiries_, {})};
}

std::size_t Shard::sweep(Time now, std::size_t most) {
  std::size_t removed = 0;
  while (removed < most && !expiries_.empty() && expiries_.begin()->first < now) {
    const StoredKey& key = *expiries_.begin()->second;
    remove(entries_.find(Key{key.text, key.hash}));
    ++removed;
  }
  const std::size_t buckets = entries_.bucket_count();
  if (buckets > kSmallTable && entries_.size() * kSparse < buckets) {
    entries_.rehash(0);
    bucketsWere(buckets);
  }
  return removed;
}

void Shard::remove(Entries::iterator entry) {
  const auto& [key, value] = *entry;
  if (value.expiresAt != kNever) {
    expiries_.erase(value.expiry);
    shrank(kExpiryNode);
  }
  shrank(kEntryNode + heapOf(key.text) + heapOf(value.text));
  entries_.erase(entry);
}

void Shard::bucketsWere(std::size_t before) noexcept {
  const std::size_t now = entries_.bucket_count();
  if (now != before) grew((now - before) * sizeof(void*));
}

void Shard::grew(std::size_t bytes) noexcept {
  bytes_ += bytes;
  meter_.add(bytes);
}

}  // namespace tern::kv
