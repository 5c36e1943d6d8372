// rpc_client: calls Echo of rpc_server, many calls at a time, and tells how fast that was.
#include <tern/net/EventLoop.h>
#include <tern/rpc/Channel.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "EchoCaller.h"
#include "Program.h"

namespace {

using tern::Clock;

constexpr std::size_t kMiB = std::size_t{1} << 20U;

struct Arguments {
  std::string connect;
  tern::examples::PollerArgument poller;
  CallPlan plan;

  void addTo(CLI::App& app) {
    app.add_option("--connect", connect, "HOST:PORT of the server")->required();
    poller.addTo(app);
    app.add_option("--calls", plan.calls, "calls to make")
        ->check(CLI::Range(1U, 1'000'000'000U))
        ->capture_default_str();
    app.add_option("--in-flight", plan.inFlight, "how many are on their way at a time")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    app.add_option("--size", plan.size, "bytes of each payload")
        ->check(CLI::Range(std::size_t{0}, 3 * kMiB))
        ->capture_default_str();
    app.add_option("--timeout-ms", plan.timeout, "milliseconds a call may take")
        ->check(CLI::Range(1U, 600'000U))
        ->capture_default_str();
  }
};

int run(const Arguments& arguments, const std::string& program) {
  const auto server = tern::SocketAddress::parse(arguments.connect);
  tern::EventLoop loop(arguments.poller.spec());
  tern::rpc::ChannelOptions options;
  options.retry.reset();
  options.maxInFlightBytes = arguments.plan.inFlight * (arguments.plan.size + 64);
  tern::rpc::Channel channel(&loop, server, options);
  EchoCaller caller(loop, channel, arguments.plan);
  const auto start = Clock::now();
  caller.start();
  loop.loop();
  const std::chrono::duration<double> time = Clock::now() - start;
  const CallResult& result = caller.result();
  std::printf("%" PRIu64 " answered, %" PRIu64 " wrong, %" PRIu64
              " failed in %.3f s: %.0f calls/s\n",
              result.answered, result.wrong, result.failed, time.count(),
              static_cast<double>(result.answered) / time.count());
  if (!result.firstFailure.empty()) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), result.firstFailure.c_str());
  }
  return result.answered == arguments.plan.calls ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  return tern::examples::runProgram(
      argc, argv, "Calls Echo of rpc_server and verifies the replies.",
      [&](CLI::App& app) { arguments.addTo(app); },
      [&](const std::string& program) { return run(arguments, program); });
}
