// ServerProgram: a TcpServer between its arguments and the signals that end it.
#include "ServerProgram.h"

#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>

#include "Program.h"

namespace tern::examples {
namespace {

using namespace std::chrono_literals;

void serve(const ServerArguments& arguments, const std::string& program,
           const std::function<void(TcpServer&)>& configure) {
  const SocketAddress listen = arguments.listen();
  EventLoop loop(arguments.poller());
  TcpServer server(&loop, listen, program);
  server.setThreadNum(arguments.threads() == 1 ? 0 : arguments.threads());
  configure(server);

  // Before start(): threads inherit the blocked signals.
  int signals = 0;
  const SignalWatcher watcher(loop, {SIGINT, SIGTERM}, [&](int) {
    const auto patience = ++signals == 1 ? 5s : 0s;
    server.stop(patience, [&loop] { loop.quit(); });
  });
  server.start();
  for (EventLoop* const each : server.loops()) {
    each->runInLoop([each, arguments] { arguments.configure(*each); });
  }
  arguments.printReady(server.address(), loop);
  loop.loop();
}

}  // namespace

int runServerProgram(int argc, char** argv, const std::string& description,
                     const std::function<void(TcpServer&)>& configure,
                     const std::function<void(CLI::App&)>& addOptions) {
  ServerArguments arguments;
  return runProgram(
      argc, argv, description,
      [&](CLI::App& app) {
        arguments.addTo(app);
        if (addOptions) addOptions(app);
      },
      [&](const std::string& program) {
        serve(arguments, program, configure);
        return 0;
      });
}

}  // namespace tern::examples
