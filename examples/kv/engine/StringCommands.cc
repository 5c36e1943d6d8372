// StringCommands: those that read and write values.
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CommandTable.h"
#include "Integer.h"

namespace tern::kv {
namespace {

using Limits = std::numeric_limits<std::int64_t>;

void replyValue(Reply& reply, const Shard::Entry* entry) {
  if (entry == nullptr) {
    reply.null();
  } else {
    reply.bulk(Shard::text(*entry));
  }
}

Shard::Entry& put(Shard& shard, const Key& key, Shard::Entry* existing, std::string_view text) {
  if (existing == nullptr) return shard.add(key, text);
  shard.setText(*existing, text);
  return *existing;
}

void get(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  replyValue(call.reply, shard->find(key, call.now));
}

// --- SET and its relatives ---

enum class Condition : std::uint8_t { kNone, kAbsent, kPresent };

struct SetOptions {
  Condition condition = Condition::kNone;
  bool get = false;
  bool keepTtl = false;
  std::optional<TimeUnit> unit;
  bool absolute = false;
  std::size_t time = 0;  // the argument with it, if there is a unit
};

struct ExpiryWord {
  std::string_view word;
  TimeUnit unit;
  bool absolute;
};
constexpr std::array kExpiryWords{
    ExpiryWord{"ex", TimeUnit::kSeconds, false},
    ExpiryWord{"px", TimeUnit::kMilliseconds, false},
    ExpiryWord{"exat", TimeUnit::kSeconds, true},
    ExpiryWord{"pxat", TimeUnit::kMilliseconds, true},
};

bool takeCondition(SetOptions& options, std::string_view word) {
  const bool absent = equalsIgnoringCase(word, "nx");
  if (!absent && !equalsIgnoringCase(word, "xx")) return false;
  const Condition wanted = absent ? Condition::kAbsent : Condition::kPresent;
  if (options.condition != Condition::kNone && options.condition != wanted) return false;
  options.condition = wanted;
  return true;
}

// The word at `index`, and then the time behind it.
bool takeExpiry(SetOptions& options, Arguments arguments, std::size_t& index) {
  for (const ExpiryWord& known : kExpiryWords) {
    if (!equalsIgnoringCase(arguments[index], known.word)) continue;
    const bool same = options.unit == known.unit && options.absolute == known.absolute;
    if (options.keepTtl || (options.unit && !same) || index + 1 == arguments.size()) return false;
    options.unit = known.unit;
    options.absolute = known.absolute;
    options.time = ++index;
    return true;
  }
  return false;
}

std::optional<SetOptions> setOptions(Arguments arguments) {
  SetOptions options;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    if (equalsIgnoringCase(arguments[i], "get")) {
      options.get = true;
    } else if (equalsIgnoringCase(arguments[i], "keepttl") && !options.unit) {
      options.keepTtl = true;
    } else if (!takeCondition(options, arguments[i]) && !takeExpiry(options, arguments, i)) {
      return std::nullopt;
    }
  }
  return options;
}

// When a key expires whose time is the argument at `index`; nothing after an error reply.
std::optional<Time> expiryArgument(Call& call, std::size_t index, TimeUnit unit, bool absolute) {
  const auto given = integerArgument(call, index);
  if (!given) return std::nullopt;
  const std::int64_t factor = unit == TimeUnit::kSeconds ? 1000 : 1;
  const std::int64_t today = unixTime();
  if (*given <= 0 || *given > Limits::max() / factor ||
      (!absolute && *given * factor > Limits::max() - today)) {
    replyInvalidExpiry(call);
    return std::nullopt;
  }
  return call.now + *given * factor - (absolute ? today : 0);
}

void setWith(Call& call, const SetOptions& options, std::string_view text) {
  Time expiry = kNever;
  if (options.unit) {
    const auto at = expiryArgument(call, options.time, *options.unit, options.absolute);
    if (!at) return;
    expiry = *at;
  }
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  Shard::Entry* const existing = shard->find(key, call.now);
  if (options.get) replyValue(call.reply, existing);
  const bool refused =
      options.condition == (existing == nullptr ? Condition::kPresent : Condition::kAbsent);
  if (refused) {
    if (!options.get) call.reply.null();
    return;
  }
  Shard::Entry& entry = put(*shard, key, existing, text);
  if (!options.keepTtl) shard->setExpiry(entry, expiry);
  if (!options.get) call.reply.ok();
}

void set(Call& call) {
  if (call.arguments.size() == 3) {
    setWith(call, {}, call.arguments[2]);
  } else if (const auto options = setOptions(call.arguments)) {
    setWith(call, *options, call.arguments[2]);
  } else {
    replySyntaxError(call.reply);
  }
}

void setWithTime(Call& call, TimeUnit unit) {
  SetOptions options;
  options.unit = unit;
  options.time = 2;
  setWith(call, options, call.arguments[3]);
}

void setex(Call& call) { setWithTime(call, TimeUnit::kSeconds); }

void psetex(Call& call) { setWithTime(call, TimeUnit::kMilliseconds); }

void setnx(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  const bool absent = shard->find(key, call.now) == nullptr;
  if (absent) shard->add(key, call.arguments[2]);
  call.reply.integer(absent ? 1 : 0);
}

void getset(Call& call) {
  SetOptions options;
  options.get = true;
  setWith(call, options, call.arguments[2]);
}

void getdel(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  replyValue(call.reply, shard->find(key, call.now));
  shard->erase(key, call.now);
}

void strlen(Call& call) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  const Shard::Entry* const entry = shard->find(key, call.now);
  call.reply.integer(entry == nullptr ? 0 : static_cast<std::int64_t>(Shard::text(*entry).size()));
}

// --- several keys at once ---

// Every `step`-th argument.
std::vector<Key> keysOf(const Call& call, std::size_t step) {
  std::vector<Key> keys;
  keys.reserve(call.arguments.size() / step);
  for (std::size_t i = 1; i < call.arguments.size(); i += step) {
    keys.push_back(call.store.key(call.arguments[i]));
  }
  return keys;
}

void mget(Call& call) {
  const std::vector<Key> keys = keysOf(call, 1);
  const auto shards = call.store.lock(keys);
  call.reply.array(keys.size());
  for (const Key& key : keys) replyValue(call.reply, shards.of(key).find(key, call.now));
}

void setAll(const Call& call, const std::vector<Key>& keys, const Store::LockedSet& shards) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Shard& shard = shards.of(keys[i]);
    Shard::Entry* const existing = shard.find(keys[i], call.now);
    Shard::Entry& entry = put(shard, keys[i], existing, call.arguments[2 * i + 2]);
    shard.setExpiry(entry, kNever);
  }
}

void mset(Call& call) {
  if (call.arguments.size() % 2 == 0) return replyWrongArity(call.reply, "mset");
  const std::vector<Key> keys = keysOf(call, 2);
  setAll(call, keys, call.store.lock(keys));
  call.reply.ok();
}

void msetnx(Call& call) {
  if (call.arguments.size() % 2 == 0) return replyWrongArity(call.reply, "msetnx");
  const std::vector<Key> keys = keysOf(call, 2);
  const auto shards = call.store.lock(keys);
  for (const Key& key : keys) {
    if (shards.of(key).find(key, call.now) != nullptr) return call.reply.integer(0);
  }
  setAll(call, keys, shards);
  call.reply.integer(1);
}

// --- numbers ---

void addTo(Call& call, std::int64_t amount) {
  const Key key = call.store.key(call.arguments[1]);
  const auto shard = call.store.lock(key);
  Shard::Entry* const existing = shard->find(key, call.now);
  std::int64_t value = 0;
  if (existing != nullptr) {
    const auto number = parseInteger(Shard::text(*existing));
    if (!number) return call.reply.error("ERR value is not an integer or out of range");
    value = *number;
  }
  if (__builtin_add_overflow(value, amount, &value)) {
    return call.reply.error("ERR increment or decrement would overflow");
  }
  put(*shard, key, existing, Decimal(value).view());
  call.reply.integer(value);
}

void incr(Call& call) { addTo(call, 1); }

void decr(Call& call) { addTo(call, -1); }

void incrby(Call& call) {
  if (const auto amount = integerArgument(call, 2)) addTo(call, *amount);
}

void decrby(Call& call) {
  const auto amount = integerArgument(call, 2);
  if (!amount) return;
  if (*amount == Limits::min()) return call.reply.error("ERR decrement would overflow");
  addTo(call, -*amount);
}

constexpr std::array kCommands{
    Command{"get", 2, false, get},       Command{"set", -3, true, set},
    Command{"setex", 4, true, setex},    Command{"psetex", 4, true, psetex},
    Command{"setnx", 3, true, setnx},    Command{"getset", 3, true, getset},
    Command{"getdel", 2, false, getdel}, Command{"strlen", 2, false, strlen},
    Command{"mget", -2, false, mget},    Command{"mset", -3, true, mset},
    Command{"msetnx", -3, true, msetnx}, Command{"incr", 2, true, incr},
    Command{"decr", 2, true, decr},      Command{"incrby", 3, true, incrby},
    Command{"decrby", 3, true, decrby},
};

}  // namespace

std::span<const Command> stringCommands() { return kCommands; }

}  // namespace tern::kv
