// Threads: an echo server on four loops, one of which also ticks.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <cstdio>

int main() {
  using namespace std::chrono_literals;
  tern::EventLoop loop;  // accepts, and runs what is not tied to a connection
  tern::TcpServer server(&loop, tern::SocketAddress(7000), "echo");
  server.setThreadNum(4);
  server.setBalance(tern::TcpServer::Balance::kLeastConnections);
  server.setMessageCallback([](const auto& connection, tern::Buffer* input, tern::Timestamp) {
    connection->send(input);  // on the connection's own loop
  });
  server.start();
  loop.runEvery(10s, [&server] { std::printf("%zu connections\n", server.connectionCount()); });
  loop.loop();
}
