// BenchServer: what the measured servers have in common: arguments, a listening socket, the ready
// line. It does not touch the way of a message.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tern::bench {

/// What a server does with the bytes that a connection sends.
enum class Mode : std::uint8_t {
  kRaw,        ///< send them back as they came
  kFramed,     ///< parse 4-byte big-endian lengths, and send back each frame by itself
  kBroadcast,  ///< send each piece, as received, to all connections, the sender included
};

struct ServerArguments {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  Mode mode = Mode::kRaw;
  std::string poller;  ///< tern's only
};

/// Parses --listen HOST:PORT, --mode raw|framed|broadcast and, if `withPoller`, --poller; runs
/// `serve` and returns the exit status: 2 for wrong usage, 1 when serve throws.
int runBenchServer(int argc, char** argv, const std::string& name, bool withPoller,
                   const std::function<void(const ServerArguments&)>& serve);

/// A blocking, close-on-exec TCP socket that listens, with TCP_NODELAY for what it accepts. Throws
/// std::system_error.
int listenOn(const ServerArguments& arguments);

/// The port that a socket is bound to.
std::uint16_t portOf(int fd);

/// Prints "listening on 127.0.0.1:40123 (<what>)" and flushes.
void printReady(const ServerArguments& arguments, std::uint16_t port, const std::string& what);

/// Throws std::system_error from errno.
[[noreturn]] void fail(const std::string& what);

}  // namespace tern::bench
