// Backpressure: who does not read its replies is not read from.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cstddef>

int main() {
  constexpr std::size_t kHighMark = 1'000'000;
  constexpr std::size_t kLowMark = 100'000;
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(7000), "echo");
  server.setMessageCallback([](const auto& connection, tern::Buffer* input, tern::Timestamp) {
    connection->send(input);
  });
  server.setHighWaterMarkCallback(
      [](const auto& connection, std::size_t) { connection->stopRead(); }, kHighMark);
  server.setLowWaterMarkCallback(
      [](const auto& connection, std::size_t) { connection->startRead(); }, kLowMark);
  server.start();
  loop.loop();
}
