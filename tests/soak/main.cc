// tern_soak: one poller under a mixed load with faults and restarts, for so long; then whether it
// holds as much as it did before.
#include <tern/base/Logging.h>
#include <tern/poller/PollerSpec.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "Footprint.h"
#include "Messages.h"
#include "RingBuffers.h"
#include "Soak.h"
#include "Tally.h"
#include "unit/Randomness.h"

namespace tern::soak {
namespace {

std::atomic<bool> gStop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// The first ends the run early, in order; a second of its sort ends the process.
void stopEarlyOn(int signal) {
  struct sigaction action{};
  action.sa_handler = [](int) { gStop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(signal, &action, nullptr);
}

// An error in the log is one of the run's, but for what the soak provokes itself.
void watchLog(Tally& tally) {
  setLogHook([&tally](LogLevel level, std::string_view message, const std::source_location&) {
    if (level < LogLevel::kError) return;
    if (message.find("asked for by the soak") != std::string_view::npos) return;
    tally.fail("logged: " + std::string(message));
  });
}

PollerSpec specOf(const std::string& poller) {
  if (poller != "io_uring") return PollerSpec::named(poller);
  UringOptions options;
  options.submissionEntries = 64;
  options.completionEntries = 256;
  options.bufferCount = kRingBuffers;
  options.bufferSize = 4 * 1024;
  return options;
}

std::string fromTo(const std::optional<Rest>& before, const std::optional<Rest>& after,
                   auto&& show) {
  return (before ? show(*before) : "?") + " -> " + (after ? show(*after) : "?");
}

void printTrend(const char* what, const Trend& trend, auto&& show) {
  std::cout << what << " under load: " << show(trend.lowest) << " to " << show(trend.highest)
            << ", at last " << show(trend.last) << '\n';
}

void printDetails(const Tally& tally, const Outcome& outcome) {
  printTrend("resident memory", outcome.resident, inMegabytes);
  printTrend("descriptors", outcome.descriptors, [](std::size_t n) { return std::to_string(n); });
  std::cout << "at rest, before -> after: heap in use "
            << fromTo(outcome.before, outcome.after,
                      [](const Rest& rest) { return inMegabytes(rest.without.heap); })
            << "; with a server, memory "
            << fromTo(outcome.before, outcome.after,
                      [](const Rest& rest) { return inMegabytes(rest.serving.memory); })
            << ", heap "
            << fromTo(outcome.before, outcome.after,
                      [](const Rest& rest) { return inMegabytes(rest.serving.heap); })
            << '\n';
  std::cout << tally.timers << " timers, " << tally.functors << " functors, " << tally.turnedAway
            << " clients turned away in shortages\n";
  for (const std::string& failure : tally.failures()) std::cout << "wrong: " << failure << '\n';
  if (tally.failureCount() > tally.failures().size()) {
    std::cout << "wrong: in all " << tally.failureCount() << " times\n";
  }
  for (const std::string& drift : outcome.drift) std::cout << "drift: " << drift << '\n';
}

// The last two lines, which dev shows of each poller.
void printRow(const std::string& poller, const Tally& tally, const Outcome& outcome,
              const std::string& verdict) {
  constexpr const char* kRow = "%-9s %7s %11s %9s %7s %7s %8s %9s %20s %10s  %s\n";
  std::printf(kRow, "poller", "seconds", "connections", "messages", "GB", "resets", "restarts",
              "shortages", "memory at rest", "fds", "verdict");
  std::array<char, 16> gigabytes{};
  std::snprintf(gigabytes.data(), gigabytes.size(), "%.1f", static_cast<double>(tally.bytes) / 1e9);
  const auto text = [](const auto& n) { return std::to_string(n); };
  std::printf(kRow, poller.c_str(), text(std::lround(outcome.seconds)).c_str(),
              text(tally.connections.load()).c_str(), text(tally.messages.load()).c_str(),
              gigabytes.data(), text(tally.resets.load()).c_str(),
              text(tally.restarts.load()).c_str(), text(tally.shortages.load()).c_str(),
              fromTo(outcome.before, outcome.after,
                     [](const Rest& rest) { return inMegabytes(rest.without.memory); })
                  .c_str(),
              fromTo(outcome.before, outcome.after,
                     [&](const Rest& rest) { return text(rest.serving.descriptorCount()); })
                  .c_str(),
              verdict.c_str());
}

std::string verdictOn(const Tally& tally, const Outcome& outcome) {
  if (!tally.good()) return "WRONG: " + tally.failures().front();
  if (!outcome.drift.empty()) return "DRIFT: " + outcome.drift.front();
  if (!outcome.before) return "ended before there was anything to compare with";
  return "flat";
}

int soak(const std::string& poller, std::chrono::seconds length) {
  const testing::Randomness random;
  std::cout << "soak of " << poller << '\n' << std::flush;
  stopEarlyOn(SIGINT);
  stopEarlyOn(SIGTERM);
  Tally tally;
  watchLog(tally);
  Outcome outcome;
  try {
    Soak run(specOf(poller), poller == "io_uring", random.seed(), tally);
    run.run(length, gStop, outcome);
  } catch (const std::exception& error) {
    // Whatever it is, threads may hang now: no destructor of theirs is waited for but Soak's own.
    tally.fail(error.what());
  }
  setLogHook({});
  printDetails(tally, outcome);
  const std::string verdict = verdictOn(tally, outcome);
  std::cout.flush();
  printRow(poller, tally, outcome, verdict);
  return verdict == "flat" ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace tern::soak

int main(int argc, char** argv) {
  const long seconds = argc == 3 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (seconds <= 0) {
    std::cerr << "usage: tern_soak <poller> <seconds>   (TERN_TEST_SEED repeats a run's choices)\n";
    return 2;
  }
  tern::soak::makeMemoryMeasurable();
  return tern::soak::soak(argv[1], std::chrono::seconds(seconds));
}
