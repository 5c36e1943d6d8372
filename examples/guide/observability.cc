// Observability: an echo server that reports on itself, and on callbacks that hold it up.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>

int main() {
  using namespace std::chrono_literals;
  constexpr std::size_t kBufferLimit = 512'000'000;
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(7000), "echo");
  server.setThreadNum(4);
  server.setBufferLimit(kBufferLimit);
  server.setThreadInitCallback([](tern::EventLoop* each) { each->setWatchdog(100ms); });
  server.setMessageCallback([](const auto& connection, tern::Buffer* input, tern::Timestamp) {
    connection->send(input);
  });
  server.start();
  const std::function<void()> report = [&server] {
    const tern::ServerStats now = server.stats();
    std::printf("%ju accepted, %ju refused, %ju reset, %ju bytes in, %ju out, %zu waiting\n",
                std::uintmax_t{now.accepted}, std::uintmax_t{now.refused.total()},
                std::uintmax_t{now.closed.error}, std::uintmax_t{now.bytesReceived},
                std::uintmax_t{now.bytesSent}, now.bytesBuffered);
  };
  loop.runEvery(10s, report);
  loop.loop();
}
