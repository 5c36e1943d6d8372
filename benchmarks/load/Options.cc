// Reading of the command line.
#include "Options.h"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cmath>
#include <ostream>
#include <string_view>
#include <utility>

#include "ServerProcess.h"

namespace tern::load {
namespace {

// A batch lies in memory once, whatever the number of connections.
constexpr std::size_t kLargestBatch = std::size_t{256} << 20;

struct RawOptions {
  std::string server;
  std::string mode = "raw";
  bool allowRemote = false;
  bool acceptRate = false;
  bool idle = false;
  bool bulk = false;
  bool broadcast = false;
  std::optional<std::uint32_t> connections;
  std::optional<std::string> size;
  std::optional<std::uint32_t> depth;
};

void require(bool condition, const std::string& sentence) {
  if (!condition) throw UsageError(sentence);
}

void requireSeconds(const char* option, double value, bool zeroAllowed) {
  require(std::isfinite(value) && value <= 86400 && (value > 0 || (zeroAllowed && value == 0)),
          std::string(option) + " must be a number of seconds " +
              (zeroAllowed ? "from 0" : "above 0") + " up to 86400");
}

// Reads "64", "16KiB" or "1MB"; a number too large is cut to SIZE_MAX, for validate() to refuse.
std::size_t parseSize(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 8> kUnits{{{"", 1},
                                                                            {"B", 1},
                                                                            {"kB", 1000},
                                                                            {"KB", 1000},
                                                                            {"MB", 1000 * 1000},
                                                                            {"KiB", 1 << 10},
                                                                            {"MiB", 1 << 20},
                                                                            {"GiB", 1 << 30}}};
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, number);
  require(error == std::errc{} || error == std::errc::result_out_of_range,
          "--size: \"" + text + "\" is not a number of bytes");
  for (const auto& [name, factor] : kUnits) {
    if (name != std::string_view(unit, static_cast<std::size_t>(end - unit))) continue;
    const bool fits = error == std::errc{} && number <= SIZE_MAX / factor;
    return fits ? number * factor : SIZE_MAX;
  }
  throw UsageError("--size: \"" + text + "\" has no unit out of B, kB, MB, KiB, MiB and GiB");
}

Framing parseMode(const std::string& text) {
  if (text == "raw") return Framing::raw;
  if (text == "framed") return Framing::framed;
  throw UsageError("--mode: \"" + text + "\" is neither raw nor framed");
}

void chooseWork(const RawOptions& raw, Options& options) {
  require(raw.acceptRate + raw.idle + raw.bulk + raw.broadcast <= 1,
          "only one of --accept-rate, --idle, --bulk and --broadcast can be asked for");
  if (raw.acceptRate) options.work = Work::acceptRate;
  if (raw.idle) options.work = Work::idle;
  if (raw.broadcast) options.work = Work::broadcast;
  if (raw.bulk) {
    options.work = Work::bulk;
    options.connections = 4;
    options.size = 256 * 1024;
    options.depth = 16;
  }
  options.connections = raw.connections.value_or(options.connections);
  if (raw.size) options.size = parseSize(*raw.size);
  options.depth = raw.depth.value_or(options.depth);
}

void chooseServer(const RawOptions& raw, Options& options) {
  try {
    options.server = Endpoint::parse(raw.server);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--connect: ") + error.what());
  }
  require(raw.allowRemote || options.server.isLoopback(),
          "--connect: " + raw.server +
              " is not a loopback address, and load is put on other machines only with "
              "--allow-remote");
}

void validate(const Options& options) {
  require(options.connections >= 1 && options.connections <= 1'000'000,
          "--connections must be from 1 to 1000000");
  require(options.size >= 1 || options.framing == Framing::framed,
          "--size must be at least 1 in raw mode, where an empty message can't be answered");
  require(options.depth >= 1 && options.depth <= 65536, "--depth must be from 1 to 65536");
  require(options.size <= kLargestBatch && options.size * options.depth <= kLargestBatch,
          "--size times --depth must not exceed 256 MiB");
  requireSeconds("--seconds", options.seconds, false);
  requireSeconds("--warmup", options.warmup, true);
  requireSeconds("--timeout", options.timeout, false);
  if (options.rate) {
    require(options.work == Work::echo,
            "--rate can't be combined with --accept-rate, --idle, --bulk or --broadcast");
    require(std::isfinite(*options.rate) && *options.rate >= 0.001 && *options.rate <= 1e9,
            "--rate must be from 0.001 to 1000000000 messages a second");
  }
  if (options.serverPid) {
    require(*options.serverPid > 0 && ServerProcess(*options.serverPid).exists(),
            "--server-pid: there is no process " + std::to_string(*options.serverPid));
  }
}

}  // namespace

std::optional<Options> parseOptions(int argc, const char* const* argv, std::ostream& out) {
  Options options;
  RawOptions raw;
  CLI::App app(
      "Puts load on an echo or broadcast server, checks every byte that comes back, and reports "
      "rate, latency "
      "and cost.\n"
      "Exit status: 0 when all went well, 1 after any error, 2 for a wrong command line.",
      "tern-load");

  // An option that is given again replaces what was said before, so that a script can append.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--connect", raw.server, "The server: HOST:PORT or [IPv6]:PORT, numeric")
      ->required()
      ->type_name("HOST:PORT");
  app.add_option("--mode", raw.mode,
                 "raw: bytes are echoed; framed: 4-byte big-endian length + payload (default raw)")
      ->type_name("raw|framed");
  app.add_option("--connections", raw.connections,
                 "Connections; with --accept-rate, those in flight at once (default 100, bulk 4)")
      ->type_name("N");
  app.add_option("--size", raw.size,
                 "Bytes of payload a message, also as 16KiB or 1MB (default 64, bulk 256KiB)")
      ->type_name("BYTES");
  app.add_option("--depth", raw.depth,
                 "Messages written at once before waiting; with --bulk and --broadcast, messages "
                 "in flight "
                 "(default 1, bulk 16)")
      ->type_name("D");
  app.add_option("--seconds", options.seconds, "Length of the measured window (default 5)")
      ->type_name("S");
  app.add_option("--warmup", options.warmup, "Load before the window opens (default 1)")
      ->type_name("S");
  app.add_option("--rate", options.rate,
                 "Open loop: messages a second over all connections, each timed from when it was "
                 "meant to leave (default: closed loop)")
      ->type_name("R");
  app.add_flag("--accept-rate", raw.acceptRate,
               "Measure connections a second: connect, one echo, RST");
  app.add_flag("--idle", raw.idle,
               "Open the connections, one echo each, hold them for --seconds, and report the "
               "server's memory a connection");
  app.add_flag("--bulk", raw.bulk, "Stream without a pause, both ways");
  app.add_flag("--broadcast", raw.broadcast,
               "The first connection sends, and the server passes each message on to all of them; "
               "counted are deliveries");
  app.add_option("--timeout", options.timeout,
                 "A connection that waits this long for its next byte is an error (default 5)")
      ->type_name("S");
  app.add_option("--server-pid", options.serverPid,
                 "Report this process's CPU time, and with --idle its memory")
      ->type_name("PID");
  app.add_option("--json", options.jsonFile,
                 "Write the result as JSON; - is standard output, and the human line then goes to "
                 "standard error")
      ->type_name("FILE");
  app.add_flag("--allow-remote", raw.allowRemote, "Allow a server that is not on this machine");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  options.framing = parseMode(raw.mode);
  chooseWork(raw, options);
  chooseServer(raw, options);
  validate(options);
  return options;
}

const char* nameOf(Work work) {
  switch (work) {
    case Work::echo:
      return "echo";
    case Work::acceptRate:
      return "accept-rate";
    case Work::idle:
      return "idle";
    case Work::bulk:
      return "bulk";
    case Work::broadcast:
      return "broadcast";
  }
  return "";
}

const char* nameOf(Framing framing) { return framing == Framing::raw ? "raw" : "framed"; }

}  // namespace tern::load
