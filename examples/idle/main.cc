// idle_server: echoes, and closes connections on which nothing has moved for a while.
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "ServerProgram.h"

int main(int argc, char** argv) {
  using tern::Buffer;
  using tern::TcpConnectionPtr;
  using tern::Timestamp;

  double seconds = 10;
  return tern::examples::runServerProgram(
      argc, argv, "Echoes, and closes connections that are idle.",
      [&seconds](tern::TcpServer& server) {
        server.setIdleTimeout(std::chrono::duration<double>(seconds));
        server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
          connection->send(input);
        });
      },
      [&seconds](CLI::App& app) {
        app.add_option("--timeout", seconds, "seconds without a byte until a connection is closed")
            ->check(CLI::Range(0.001, 1e9))
            ->capture_default_str();
      });
}
