// KeyCommands: those about keys, whatever their values are: existence, and the time to live.
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "CommandTable.h"

namespace tern::kv {
namespace {

using Limits = std::numeric_limits<std::int64_t>;

std::vector<Key> keysOf(const Call& call) {
  std::vector<Key> keys;
  keys.reserve(call.arguments.size() - 1);
  for (const auto text : call.arguments.subspan(1)) keys.push_back(call.store.key(text));
  return keys;
}

void del(Call& call) {
  const std::vector<Key> keys = keysOf(call);
  const auto shards = call.store.lock(keys);
  std::int64_t count = 0;
  for (const Key& key : keys) count += shards.of(key).erase(key, call.now) ? 1 : 0;
  call.reply.integer(count);
}

void exists(Call& call) {
  const std::vector<Key> keys = keysOf(call);
  const auto shards = call.store.lock(keys);
  std::int64_t count = 0;
  for (const Key& key : keys) count += shards.of(key).find(key, call.now) != nullptr ? 1 : 0;
  call.reply.integer(count);
}

void type(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  call.reply.status(shard->find(key, call.now) == nullptr ? "none" : "string");
}

// --- the time to live ---

struct ExpireOptions {
  bool ifNone = false;
  bool ifAny = false;
  bool ifLater = false;
  bool ifSooner = false;
};

bool takeOption(ExpireOptions& options, std::string_view word) {
  if (equalsIgnoringCase(word, "nx")) {
    options.ifNone = true;
  } else if (equalsIgnoringCase(word, "xx")) {
    options.ifAny = true;
  } else if (equalsIgnoringCase(word, "gt")) {
    options.ifLater = true;
  } else if (equalsIgnoringCase(word, "lt")) {
    options.ifSooner = true;
  } else {
    return false;
  }
  return true;
}

// False after an error reply.
bool takeOptions(const Call& call, ExpireOptions& options) {
  for (const auto word : call.arguments.subspan(3)) {
    if (takeOption(options, word)) continue;
    call.reply.error("ERR Unsupported option " + std::string(printable(word, word.size())));
    return false;
  }
  if (options.ifNone && (options.ifAny || options.ifLater || options.ifSooner)) {
    call.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (options.ifLater && options.ifSooner) {
    call.reply.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

bool allows(const ExpireOptions& options, Time current, Time wanted) {
  if (options.ifNone && current != kNever) return false;
  if (options.ifAny && current == kNever) return false;
  if (options.ifLater && wanted <= current) return false;
  return !options.ifSooner || wanted < current;
}

void expireAfter(Call& call, TimeUnit unit) {
  ExpireOptions options;
  if (!takeOptions(call, options)) return;
  const auto given = integerArgument(call, 2);
  if (!given) return;
  const std::int64_t factor = unit == TimeUnit::kSeconds ? 1000 : 1;
  if (*given > Limits::max() / factor || *given < Limits::min() / factor ||
      *given * factor > Limits::max() - unixTime()) {
    return replyInvalidExpiry(call);
  }
  const Time at = call.now + *given * factor;
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  Shard::Entry* const entry = shard->find(key, call.now);
  if (entry == nullptr || !allows(options, Shard::expiry(*entry), at)) {
    return call.reply.integer(0);
  }
  if (*given <= 0) {
    shard->erase(key, call.now);
  } else {
    shard->setExpiry(*entry, at);
  }
  call.reply.integer(1);
}

void expire(Call& call) { expireAfter(call, TimeUnit::kSeconds); }

void pexpire(Call& call) { expireAfter(call, TimeUnit::kMilliseconds); }

// Milliseconds; -1: for ever, -2: there is no such key.
std::int64_t timeToLive(const Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  const Shard::Entry* const entry = shard->find(key, call.now);
  if (entry == nullptr) return -2;
  return Shard::expiry(*entry) == kNever ? -1 : Shard::expiry(*entry) - call.now;
}

void ttl(Call& call) {
  const std::int64_t left = timeToLive(call);
  call.reply.integer(left < 0 ? left : (left / 1000) + (left % 1000 >= 500 ? 1 : 0));
}

void pttl(Call& call) { call.reply.integer(timeToLive(call)); }

void persist(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  Shard::Entry* const entry = shard->find(key, call.now);
  const bool expires = entry != nullptr && Shard::expiry(*entry) != kNever;
  if (expires) shard->setExpiry(*entry, kNever);
  call.reply.integer(expires ? 1 : 0);
}

constexpr std::array kCommands{
    Command{"del", -2, false, del},        Command{"unlink", -2, false, del},
    Command{"exists", -2, false, exists},  Command{"type", 2, false, type},
    Command{"expire", -3, false, expire},  Command{"pexpire", -3, false, pexpire},
    Command{"ttl", 2, false, ttl},         Command{"pttl", 2, false, pttl},
    Command{"persist", 2, false, persist},
};

}  // namespace

std::span<const Command> keyCommands() { return kCommands; }

}  // namespace tern::kv
