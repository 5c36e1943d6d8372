// Program: CLI11 for the arguments, spdlog behind tern's logging hook.
#include "Program.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace tern::examples {
namespace {

constexpr int kUsageError = 2;
constexpr int kRunTimeError = 1;

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

// stdout carries what the program has to say, such as a ready line, and nothing else.
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

}  // namespace

int runProgram(int argc, char** argv, const std::string& description,
               const std::function<void(CLI::App&)>& addOptions,
               const std::function<int(const std::string& program)>& run) {
  const std::string path = argc > 0 ? argv[0] : "program";
  const std::string program = path.substr(path.rfind('/') + 1);
  CLI::App app(description, program);
  addOptions(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(program, std::string(error.what()) + "; see --help", kUsageError);
  }
  try {
    logToSpdlog(program);
    return run(program);
  } catch (const std::invalid_argument& error) {
    return complain(program, error.what(), kUsageError);
  } catch (const std::exception& error) {
    return complain(program, error.what(), kRunTimeError);
  }
}

void PollerArgument::addTo(CLI::App& app) {
  app.add_option("--poller", name_,
                 "poll, epoll, io_uring or auto; default: TERN_POLLER, or epoll");
}

PollerSpec PollerArgument::spec() const {
  return name_.empty() ? PollerSpec() : PollerSpec::named(name_);
}

void ServerArguments::addTo(CLI::App& app) {
  app.add_option("--listen", listen_, "HOST:PORT to listen on; port 0: any")->capture_default_str();
  poller_.addTo(app);
  app.add_option("--threads", threads_, "how many loops serve")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--busy-poll", busyPoll_, "microseconds to look for events before a loop sleeps")
      ->check(CLI::Range(0U, 1'000'000U))
      ->capture_default_str();
  app.add_option("--watchdog", watchdog_,
                 "warn of callbacks that run longer than so many milliseconds; 0: never")
      ->check(CLI::Range(0U, 86'400'000U))
      ->capture_default_str();
}

void ServerArguments::configure(EventLoop& loop) const {
  loop.setBusyPoll(std::chrono::microseconds(busyPoll_));
  loop.setWatchdog(std::chrono::milliseconds(watchdog_));
}

SocketAddress ServerArguments::listen() const { return SocketAddress::parse(listen_); }

void ServerArguments::printReady(const SocketAddress& address, const EventLoop& loop) const {
  std::printf("listening on %s (poller %s, threads %u)\n", address.toIpPort().c_str(),
              loop.pollerChoice().chosen.c_str(), threads_);
  std::fflush(stdout);
}

}  // namespace tern::examples
