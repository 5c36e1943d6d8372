// bench_server_tern: the servers as a user of tern would write them. Framed: one send() a frame;
// that they leave in one kernel send is the library's doing. Broadcast: one shared string for all.
#include <tern/net/EventLoop.h>
#include <tern/net/SignalWatcher.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <csignal>
#include <memory>
#include <string>
#include <unordered_set>

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

class Audience {
 public:
  void onConnection(const tern::TcpConnectionPtr& connection) {
    if (connection->connected()) {
      connections_.insert(connection);
    } else {
      connections_.erase(connection);
    }
  }

  void tell(tern::Buffer* input) const {
    const auto message = std::make_shared<const std::string>(input->retrieveAllAsString());
    for (const tern::TcpConnectionPtr& connection : connections_) connection->send(message);
  }

 private:
  std::unordered_set<tern::TcpConnectionPtr> connections_;
};

void setCallbacks(tern::TcpServer& server, tern::bench::Mode mode, Audience& audience) {
  using tern::Buffer;
  using tern::TcpConnectionPtr;
  using tern::Timestamp;
  switch (mode) {
    case tern::bench::Mode::kRaw:
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
        connection->send(input);
      });
      break;
    case tern::bench::Mode::kFramed:
      server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
        echoFrames(connection, input);
      });
      break;
    case tern::bench::Mode::kBroadcast:
      server.setConnectionCallback(
          [&audience](const TcpConnectionPtr& connection) { audience.onConnection(connection); });
      server.setMessageCallback(
          [&audience](const TcpConnectionPtr&, Buffer* input, Timestamp) { audience.tell(input); });
      break;
  }
}

void serve(const tern::bench::ServerArguments& arguments) {
  tern::EventLoop loop(arguments.poller.empty() ? tern::PollerSpec()
                                                : tern::PollerSpec::named(arguments.poller));
  Audience audience;
  tern::TcpServer server(&loop, tern::SocketAddress(arguments.host, arguments.port), "bench");
  setCallbacks(server, arguments.mode, audience);
  const tern::SignalWatcher watcher(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.quit(); });
  server.start();
  tern::bench::printReady(arguments, server.address().port(), loop.pollerChoice().chosen);
  loop.loop();
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_tern", true, serve);
}
