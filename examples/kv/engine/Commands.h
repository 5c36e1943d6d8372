// Commands: what the server understands: looks a command up, checks it, and carries it out.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "Reply.h"
#include "Store.h"

namespace tern::kv {

/// What commands know of the server. Written before it serves, except for the counters.
struct ServerFacts {
  std::uint16_t port = 0;
  std::size_t bulkLength = 0;  ///< of one argument, at most
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::atomic<std::size_t> clients{0};
};

/// What commands know of the connection that they came from.
struct Client {
  std::uint64_t id = 0;
  std::string name;
  bool closing = false;  ///< no further command of it is carried out
};

/// Arguments, the command's name first.
using Arguments = std::span<const std::string_view>;

/// One command while it is carried out.
struct Call {
  Arguments arguments;
  Reply& reply;
  Store& store;
  Client& client;
  const ServerFacts& server;
  Time now;
};

/// Carries out the command and writes its reply, or an error in Redis's words. `arguments` must not
/// be empty. Any thread, if the store is for several.
void execute(Call& call);

}  // namespace tern::kv
