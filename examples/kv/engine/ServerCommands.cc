// ServerCommands: those about the server and the connection, as far as clients ask for them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "CommandTable.h"
#include "Integer.h"

namespace tern::kv {
namespace {

// The release of Redis whose replies these are; clients decide by it what they may ask for.
constexpr std::string_view kRedisVersion = "7.0.15";

void ping(Call& call) {
  if (call.arguments.size() > 2) return replyWrongArity(call.reply, "ping");
  if (call.arguments.size() == 1) return call.reply.status("PONG");
  call.reply.bulk(call.arguments[1]);
}

void echo(Call& call) { call.reply.bulk(call.arguments[1]); }

void quit(Call& call) {
  call.client.closing = true;
  call.reply.ok();
}

// A browser that was talked into sending HTTP here gets nothing carried out.
void refuseHttp(Call& call) { call.client.closing = true; }

void select(Call& call) {
  const auto index = integerArgument(call, 1);
  if (!index) return;
  if (*index != 0) return call.reply.error("ERR DB index is out of range");
  call.reply.ok();
}

void dbsize(Call& call) { call.reply.integer(static_cast<std::int64_t>(call.store.totals().keys)); }

void flush(Call& call) {
  const bool plain = call.arguments.size() == 1;
  if (!plain && (call.arguments.size() > 2 || (!equalsIgnoringCase(call.arguments[1], "sync") &&
                                               !equalsIgnoringCase(call.arguments[1], "async")))) {
    return replySyntaxError(call.reply);
  }
  call.store.clear();
  call.reply.ok();
}

// --- subcommands ---

void replyUnknownSubcommand(const Call& call, std::string_view command) {
  call.reply.error("ERR unknown subcommand '" + std::string(printable(call.arguments[1], 128)) +
                   "'. Try " + std::string(command) + " HELP.");
}

bool isSubcommand(const Call& call, std::string_view name) {
  return equalsIgnoringCase(call.arguments[1], name);
}

void command(Call& call) {
  const std::size_t count = call.arguments.size();
  if (count == 1 || isSubcommand(call, "docs")) {
    // What a server says that has no documentation built in; redis-cli then gives no hints.
    call.reply.array(0);
  } else if (isSubcommand(call, "count")) {
    if (count != 2) return replyWrongArity(call.reply, "command|count");
    call.reply.integer(static_cast<std::int64_t>(commandCount()));
  } else if (isSubcommand(call, "info")) {
    call.reply.array(count - 2);
    for (std::size_t i = 2; i < count; ++i) call.reply.nullArray();
  } else {
    replyUnknownSubcommand(call, "COMMAND");
  }
}

using Setting = std::pair<std::string_view, std::string>;

std::vector<Setting> settings(const Call& call) {
  return {{"save", ""},
          {"appendonly", "no"},
          {"databases", "1"},
          {"maxmemory", std::to_string(call.store.maxMemory())},
          {"maxmemory-policy", "noeviction"},
          {"port", std::to_string(call.server.port)},
          {"proto-max-bulk-len", std::to_string(call.server.bulkLength)}};
}

// Whether the text fits the pattern, in which '*' stands for any characters and '?' for one.
bool fits(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t afterStar = 0;
  while (at < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      afterStar = at;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[at])) {
      ++p;
      ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      at = ++afterStar;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

void configGet(Call& call) {
  if (call.arguments.size() < 3) return replyWrongArity(call.reply, "config|get");
  std::vector<std::string> patterns;
  for (const auto pattern : call.arguments.subspan(2)) patterns.push_back(lowerCase(pattern));
  std::vector<Setting> found;
  for (Setting& setting : settings(call)) {
    for (const std::string& pattern : patterns) {
      if (!fits(setting.first, pattern)) continue;
      found.push_back(std::move(setting));
      break;
    }
  }
  call.reply.array(found.size() * 2);
  for (const auto& [name, value] : found) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

void config(Call& call) {
  if (isSubcommand(call, "get")) {
    configGet(call);
  } else if (isSubcommand(call, "resetstat")) {
    call.reply.ok();
  } else {
    replyUnknownSubcommand(call, "CONFIG");
  }
}

bool isName(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

void setName(Call& call, std::string_view name) {
  if (!isName(name)) {
    return call.reply.error(
        "ERR Client names cannot contain spaces, newlines or special characters.");
  }
  call.client.name = name;
  call.reply.ok();
}

void client(Call& call) {
  const std::size_t count = call.arguments.size();
  if (isSubcommand(call, "id")) {
    if (count != 2) return replyWrongArity(call.reply, "client|id");
    call.reply.integer(static_cast<std::int64_t>(call.client.id));
  } else if (isSubcommand(call, "setname")) {
    if (count != 3) return replyWrongArity(call.reply, "client|setname");
    setName(call, call.arguments[2]);
  } else if (isSubcommand(call, "getname")) {
    if (count != 2) return replyWrongArity(call.reply, "client|getname");
    if (call.client.name.empty()) return call.reply.null();
    call.reply.bulk(call.client.name);
  } else if (isSubcommand(call, "setinfo")) {
    if (count != 4) return replyWrongArity(call.reply, "client|setinfo");
    call.reply.ok();
  } else {
    replyUnknownSubcommand(call, "CLIENT");
  }
}

// --- HELLO and INFO ---

void replyHello(const Call& call) {
  call.reply.array(14);
  const auto field = [&](std::string_view name) { call.reply.bulk(name); };
  field("server");
  call.reply.bulk("redis");
  field("version");
  call.reply.bulk(kRedisVersion);
  field("proto");
  call.reply.integer(2);
  field("id");
  call.reply.integer(static_cast<std::int64_t>(call.client.id));
  field("mode");
  call.reply.bulk("standalone");
  field("role");
  call.reply.bulk("master");
  field("modules");
  call.reply.array(0);
}

void hello(Call& call) {
  const Arguments arguments = call.arguments;
  if (arguments.size() > 1) {
    const auto version = parseInteger(arguments[1]);
    if (!version) {
      return call.reply.error("ERR Protocol version is not an integer or out of range");
    }
    if (*version != 2) return call.reply.error("NOPROTO unsupported protocol version");
  }
  std::string_view name;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::size_t behind = arguments.size() - 1 - i;
    if (equalsIgnoringCase(arguments[i], "auth") && behind >= 2) {
      // The one user there is has no password, so any will do.
      if (arguments[i + 1] != "default") {
        return call.reply.error("WRONGPASS invalid username-password pair or user is disabled.");
      }
      i += 2;
    } else if (equalsIgnoringCase(arguments[i], "setname") && behind >= 1) {
      name = arguments[++i];
      if (!isName(name)) {
        return call.reply.error(
            "ERR Client names cannot contain spaces, newlines or special characters.");
      }
    } else {
      return call.reply.error("ERR Syntax error in HELLO option '" +
                              std::string(printable(arguments[i], arguments[i].size())) + "'");
    }
  }
  if (!name.empty()) call.client.name = name;
  replyHello(call);
}

void info(Call& call) {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::steady_clock::now() - call.server.started);
  const auto [keys, expiring] = call.store.totals();
  std::string text;
  const auto line = [&text](std::string_view name, const auto& value) {
    text += name;
    text += ':';
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
      text += std::to_string(value);
    } else {
      text += value;
    }
    text += "\r\n";
  };
  const auto section = [&](std::string_view name) {
    const bool all = call.arguments.size() == 1;
    const auto isWanted = [&](std::string_view word) {
      return equalsIgnoringCase(word, lowerCase(name)) || equalsIgnoringCase(word, "all") ||
             equalsIgnoringCase(word, "everything") || equalsIgnoringCase(word, "default");
    };
    const auto wanted = call.arguments.subspan(1);
    if (!all && std::none_of(wanted.begin(), wanted.end(), isWanted)) return false;
    if (!text.empty()) text += "\r\n";
    text.append("# ").append(name).append("\r\n");
    return true;
  };
  if (section("Server")) {
    line("redis_version", kRedisVersion);
    line("redis_mode", "standalone");
    line("tcp_port", call.server.port);
    line("uptime_in_seconds", uptime.count());
  }
  if (section("Clients")) {
    line("connected_clients", call.server.clients.load(std::memory_order_relaxed));
  }
  if (section("Memory")) {
    line("used_memory", call.store.usedMemory());
    line("maxmemory", call.store.maxMemory());
    line("maxmemory_policy", "noeviction");
  }
  if (section("Keyspace") && keys > 0) {
    line("db0",
         "keys=" + std::to_string(keys) + ",expires=" + std::to_string(expiring) + ",avg_ttl=0");
  }
  call.reply.bulk(text);
}

constexpr std::array kCommands{
    Command{"ping", -1, false, ping},       Command{"echo", 2, false, echo},
    Command{"quit", -1, false, quit},       Command{"select", 2, false, select},
    Command{"dbsize", 1, false, dbsize},    Command{"flushall", -1, false, flush},
    Command{"flushdb", -1, false, flush},   Command{"command", -1, false, command},
    Command{"config", -2, false, config},   Command{"client", -2, false, client},
    Command{"hello", -1, false, hello},     Command{"info", -1, false, info},
    Command{"post", -1, false, refuseHttp}, Command{"host:", -1, false, refuseHttp},
};

}  // namespace

std::span<const Command> serverCommands() { return kCommands; }

}  // namespace tern::kv
