// bench_server_tern: the echo and the framed server as a user of tern would write them. Framed: one
// send() a frame; that they leave in one kernel send is the library's doing.
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <csignal>

#include "BenchServer.h"

namespace {

constexpr std::size_t kHeader = 4;
constexpr std::size_t kLongest = std::size_t{64} * 1024 * 1024;

void echoFrames(const tern::TcpConnectionPtr& connection, tern::Buffer* input) {
  while (input->readableBytes() >= kHeader) {
    const auto length = static_cast<std::uint32_t>(input->peekInt32());
    if (length > kLongest) {
      connection->forceClose();
      return;
    }
    if (input->readableBytes() < kHeader + length) return;
    connection->send(input->view().substr(0, kHeader + length));
    input->retrieve(kHeader + length);
  }
}

void serve(const tern::bench::ServerArguments& arguments) {
  tern::EventLoop loop(arguments.poller.empty() ? tern::PollerSpec()
                                                : tern::PollerSpec::named(arguments.poller));
  tern::TcpServer server(&loop, tern::InetAddress(arguments.host, arguments.port), "bench");
  if (arguments.framed) {
    server.setMessageCallback([](const tern::TcpConnectionPtr& connection, tern::Buffer* input,
                                 tern::Timestamp) { echoFrames(connection, input); });
  } else {
    server.setMessageCallback([](const tern::TcpConnectionPtr& connection, tern::Buffer* input,
                                 tern::Timestamp) { connection->send(input); });
  }
  const tern::SignalWatcher watcher(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.quit(); });
  server.start();
  tern::bench::printReady(arguments, server.address().port(), loop.pollerChoice().chosen);
  loop.loop();
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_tern", true, serve);
}
