// echo_server: sends back what it receives (RFC 862), and slows down whoever does not read it.
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include "ServerProgram.h"

namespace {

// With more than the high mark waiting to be sent, the peer is not read from until it has taken all
// but the low mark: a client that never reads costs this much memory, and no more.
constexpr std::size_t kHighMark = 1024 * 1024;
constexpr std::size_t kLowMark = 256 * 1024;

void configure(tern::TcpServer& server) {
  using tern::Buffer;
  using tern::TcpConnectionPtr;
  using tern::Timestamp;

  server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
    connection->send(input);
  });
  server.setHighWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->stopRead(); }, kHighMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->startRead(); }, kLowMark);
}

}  // namespace

int main(int argc, char** argv) {
  return tern::examples::runServerProgram(argc, argv, "Sends back what it receives.", configure);
}
