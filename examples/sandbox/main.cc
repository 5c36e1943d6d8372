// sandbox_server: gives up root and all system calls but those that serving takes, then serves.
#include <tern/base/Logging.h>
#include <tern/codec/LineCodec.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "AllowList.h"
#include "Attempts.h"
#include "Filter.h"
#include "LookUps.h"
#include "Privileges.h"
#include "Program.h"
#include "StopAtSignals.h"

namespace tern::examples {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1024} * 1024;
constexpr std::size_t kHighMark = 4 * kLongestLine;
constexpr std::size_t kLowMark = kLongestLine;
constexpr std::string_view kTry = "try ";

struct Arguments {
  void addTo(CLI::App& app) {
    server.addTo(app);
    app.add_flag("--reuse-port", reusePort, "a listener for each loop");
    app.add_option("--idle", idleSeconds, "seconds until a connection without traffic is closed")
        ->check(CLI::Range(0.001, 1e9))
        ->capture_default_str();
    app.add_option("--user", user, "whom to become when started as root; default: nobody");
    app.add_option("--violation", violation,
                   "errno, kill or log: what becomes of a call that is not on the list")
        ->check(CLI::IsMember({"errno", "kill", "log"}))
        ->capture_default_str();
    app.add_flag("--list", list, "print the calls allowed with the poller, and why, and end");
  }

  [[nodiscard]] Violation whenViolated() const {
    if (violation == "kill") return Violation::kKill;
    return violation == "log" ? Violation::kLog : Violation::kErrno;
  }

  ServerArguments server;
  bool reusePort = false;
  double idleSeconds = 60;
  std::string user;
  std::string violation = "errno";
  bool list = false;
};

void printList(const std::vector<AllowedCall>& calls) {
  for (const AllowedCall& call : calls) std::printf("%-18s %s\n", call.name, call.reason);
}

void configure(TcpServer& server, const Arguments& arguments) {
  const LineCodec codec(kLongestLine);
  server.setMessageCallback(codec.onMessage(
      [codec](const TcpConnectionPtr& connection, std::string_view line, Timestamp) {
        const bool isAttempt = line.starts_with(kTry);
        codec.send(connection, isAttempt ? attempt(line.substr(kTry.size())) : std::string(line));
      }));
  // A client that sends and never reads costs this much memory, and no more.
  server.setHighWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->stopRead(); }, kHighMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->startRead(); }, kLowMark);
  server.setIdleTimeout(std::chrono::duration<double>(arguments.idleSeconds));
}

// Everything that takes root, or a call that serving does not take, has been done: sockets,
// threads, rings. What is given up now is given up for all threads.
void enterSandbox(const std::optional<Account>& account, const Poller& poller,
                  const Arguments& arguments) {
  if (account) become(*account);
  confineProcess(allowListFor(poller), arguments.whenViolated());
  log(LogLevel::kInfo,
      (account ? "root is given up for user " + account->name : "the user stays as it was") +
          "; system calls by the list for " + std::string(poller.name()) +
          ", violation: " + arguments.violation);
}

void serve(const Arguments& arguments, const std::string& program) {
  const SocketAddress listen = arguments.server.listen();
  if (!listen.path().empty()) {
    throw std::invalid_argument("--listen: inside the sandbox the file " +
                                std::string(listen.path()) +
                                " can't be removed at the end; use an abstract name, unix:@NAME");
  }
  const std::optional<Account> account = accountToBecome(arguments.user);
  lookUpAhead();
  EventLoop loop(arguments.server.poller());
  TcpServer server(
      &loop, listen, program,
      arguments.reusePort ? TcpServer::Option::kReusePort : TcpServer::Option::kNoReusePort);
  const unsigned threads = arguments.server.threads();
  server.setThreadNum(threads == 1 ? 0 : threads);
  configure(server, arguments);

  const StopAtSignals end(loop, server);
  server.start();
  for (EventLoop* const each : server.loops()) {
    // Waited for: a watchdog is a thread, which can't be had any more in the sandbox.
    auto task = std::make_shared<std::packaged_task<void()>>(
        [each, &arguments] { arguments.server.configure(*each); });
    each->runInLoop([task] { (*task)(); });
    task->get_future().get();
  }
  enterSandbox(account, loop.poller(), arguments);
  arguments.server.printReady(server.address(), loop);
  loop.loop();
}

}  // namespace
}  // namespace tern::examples

int main(int argc, char** argv) {
  using namespace tern::examples;  // NOLINT(google-build-using-namespace)
  Arguments arguments;
  return runProgram(
      argc, argv, "Echoes lines from inside a sandbox; `try open` makes it try what it may not.",
      [&](CLI::App& app) { arguments.addTo(app); },
      [&](const std::string& program) {
        if (arguments.list) {
          printList(allowListFor(tern::EventLoop(arguments.server.poller()).poller()));
        } else {
          serve(arguments, program);
        }
        return 0;
      });
}
