// daytime_server: sends the date and the time as a line, and closes (RFC 867).
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <array>
#include <chrono>
#include <ctime>
#include <string>

#include "ServerProgram.h"

namespace {

using namespace std::chrono_literals;

// A client that has its answer, and does not close, is not waited for longer.
constexpr auto kPatience = 2s;

// The form that the RFC proposes: "Monday, February 22, 1982 17:37:43-UTC".
std::string daytime() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t length =
      std::strftime(text.data(), text.size(), "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &parts);
  return {text.data(), length};
}

void configure(tern::TcpServer& server) {
  server.setConnectionCallback([](const tern::TcpConnectionPtr& connection) {
    if (!connection->connected()) return;
    connection->send(daytime());
    connection->shutdown();
    connection->forceCloseWithDelay(kPatience);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return tern::examples::runServerProgram(argc, argv, "Tells the date and the time.", configure);
}
