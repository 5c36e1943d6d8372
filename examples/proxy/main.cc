// proxy_server: a TCP relay. Each connection is joined to one of its own to the backend.
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <CLI/CLI.hpp>
#include <string>

#include "PerLoop.h"
#include "ServerProgram.h"
#include "Tunnels.h"

namespace {

using tern::TcpConnectionPtr;

void join(const TcpConnectionPtr& connection, const tern::SocketAddress& backend) {
  auto& tunnels = tern::examples::perLoop<tern::examples::Tunnels>(*connection->getLoop());
  tunnels.open(connection, backend,
               [](std::error_code error, const TcpConnectionPtr& from, const TcpConnectionPtr&) {
                 if (error) from->forceClose();
               });
}

}  // namespace

int main(int argc, char** argv) {
  std::string backend;
  return tern::examples::runServerProgram(
      argc, argv, "Joins each connection to one of its own to a backend.",
      [&backend](tern::TcpServer& server) {
        const auto address = tern::SocketAddress::parse(backend);
        server.setConnectionCallback([address](const TcpConnectionPtr& connection) {
          if (connection->connected()) join(connection, address);
        });
      },
      [&backend](CLI::App& app) {
        app.add_option("--backend", backend, "HOST:PORT or unix:/path to connect to")->required();
      });
}
