// udp_echo_client: asks an echo server over UDP, verifies its answers, and counts the losses.
#include <tern/net/EventLoop.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "EchoClient.h"
#include "Program.h"

namespace {

using tern::Clock;

struct Arguments {
  std::string connect;
  tern::examples::PollerArgument poller;
  EchoPlan plan;

  void addTo(CLI::App& app) {
    app.add_option("--connect", connect, "HOST:PORT of the server")->required();
    poller.addTo(app);
    app.add_option("--count", plan.count, "datagrams to send")
        ->check(CLI::Range(1U, 1'000'000'000U))
        ->capture_default_str();
    app.add_option("--size", plan.size, "bytes of each")
        ->check(CLI::Range(EchoClient::kLeastSize, std::size_t{65'507}))
        ->capture_default_str();
    app.add_option("--window", plan.window, "how many are on their way at a time")
        ->check(CLI::Range(1U, 65'536U))
        ->capture_default_str();
    app.add_option("--timeout", plan.timeout, "milliseconds until one counts as lost")
        ->check(CLI::Range(10U, 600'000U))
        ->capture_default_str();
  }
};

int run(const Arguments& arguments) {
  const auto server = tern::SocketAddress::parse(arguments.connect);
  tern::EventLoop loop(arguments.poller.spec());
  const auto start = Clock::now();
  const EchoClient client(loop, server, arguments.plan);
  loop.loop();
  const std::chrono::duration<double> time = Clock::now() - start;
  const EchoResult& result = client.result();
  std::printf("%" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost, %" PRIu64
              " wrong, %" PRIu64 " late in %.3f s\n",
              result.sent, result.answered, result.lost, result.wrong, result.late, time.count());
  return result.answered == result.sent && result.wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  return tern::examples::runProgram(
      argc, argv, "Asks an echo server over UDP and verifies its answers.",
      [&](CLI::App& app) { arguments.addTo(app); },
      [&](const std::string& /*program*/) { return run(arguments); });
}
