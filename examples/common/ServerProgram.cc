// ServerProgram: CLI11 for the arguments, spdlog behind tern's logging hook, signals on the loop.
#include "ServerProgram.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace tern::examples {
namespace {

using namespace std::chrono_literals;

constexpr int kUsageError = 2;
constexpr int kRunTimeError = 1;

struct Arguments {
  std::string listen = "127.0.0.1:0";
  std::string poller;
  unsigned threads = 1;
};

// What the user gave, understood.
struct Settings {
  SocketAddress listen;
  PollerSpec poller;
  unsigned threads;
};

spdlog::level::level_enum toSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

// stdout carries the ready line and nothing else.
void logToSpdlog(const std::string& program) {
  const auto logger = spdlog::stderr_color_mt(program);
  setLogHook([logger](LogLevel level, std::string_view message, const std::source_location& where) {
    const spdlog::source_loc location(where.file_name(), static_cast<int>(where.line()),
                                      where.function_name());
    logger->log(location, toSpdlog(level), message);
  });
}

int complain(const std::string& program, const std::string& sentence, int status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), sentence.c_str());
  return status;
}

Settings understand(const Arguments& arguments) {
  return {SocketAddress::parse(arguments.listen),
          arguments.poller.empty() ? PollerSpec() : PollerSpec::named(arguments.poller),
          arguments.threads};
}

void serve(const Settings& settings, const std::string& program,
           const std::function<void(TcpServer&)>& configure) {
  EventLoop loop(settings.poller);
  TcpServer server(&loop, settings.listen, program);
  server.setThreadNum(settings.threads == 1 ? 0 : settings.threads);
  configure(server);

  // Before start(): threads inherit the blocked signals.
  int signals = 0;
  const SignalWatcher watcher(loop, {SIGINT, SIGTERM}, [&](int) {
    const auto patience = ++signals == 1 ? 5s : 0s;
    server.stop(patience, [&loop] { loop.quit(); });
  });
  server.start();
  std::printf("listening on %s (poller %s, threads %u)\n", server.ipPort().c_str(),
              loop.pollerChoice().chosen.c_str(), settings.threads);
  std::fflush(stdout);
  loop.loop();
}

}  // namespace

int runServerProgram(int argc, char** argv, const std::string& description,
                     const std::function<void(TcpServer&)>& configure,
                     const std::function<void(CLI::App&)>& addOptions) {
  const std::string path = argc > 0 ? argv[0] : "server";
  const std::string program = path.substr(path.rfind('/') + 1);
  Arguments arguments;
  CLI::App app(description, program);
  app.add_option("--listen", arguments.listen, "HOST:PORT to listen on; port 0: any")
      ->capture_default_str();
  app.add_option("--poller", arguments.poller,
                 "poll, epoll, io_uring or auto; default: TERN_POLLER, or epoll");
  app.add_option("--threads", arguments.threads, "how many loops serve connections")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  if (addOptions) addOptions(app);
  std::optional<Settings> settings;
  try {
    app.parse(argc, argv);
    settings = understand(arguments);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(program, std::string(error.what()) + "; see --help", kUsageError);
  } catch (const std::invalid_argument& error) {
    return complain(program, error.what(), kUsageError);
  }
  try {
    logToSpdlog(program);
    serve(*settings, program, configure);
    return 0;
  } catch (const std::invalid_argument& error) {
    return complain(program, error.what(), kUsageError);
  } catch (const std::exception& error) {
    return complain(program, error.what(), kRunTimeError);
  }
}

}  // namespace tern::examples
