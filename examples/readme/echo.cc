// An echo server: the one that README.md shows.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(7000), "echo");
  server.setMessageCallback([](const auto& connection, tern::Buffer* input, tern::Timestamp) {
    connection->send(input);
  });
  server.start();
  loop.loop();
}
