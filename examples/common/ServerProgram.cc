// ServerProgram: a TcpServer between its arguments and the signals that end it.
#include "ServerProgram.h"

#include <tern/net/EventLoop.h>

#include <CLI/CLI.hpp>

#include "Program.h"
#include "StopAtSignals.h"

namespace tern::examples {
namespace {

void serve(const ServerArguments& arguments, const std::string& program,
           const std::function<void(TcpServer&)>& configure) {
  const SocketAddress listen = arguments.listen();
  EventLoop loop(arguments.poller());
  TcpServer server(&loop, listen, program);
  server.setThreadNum(arguments.threads() == 1 ? 0 : arguments.threads());
  configure(server);

  const StopAtSignals end(loop, server);
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
