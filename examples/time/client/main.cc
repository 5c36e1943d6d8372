// time_client: asks a server for the time (RFC 868), and prints it in UTC.
#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "Program.h"

namespace {

using tern::Buffer;
using tern::TcpConnectionPtr;
using tern::Timestamp;

// From 1900, where the protocol begins to count, to 1970, where the clock does.
constexpr std::uint32_t kSeventyYears = 2'208'988'800U;
constexpr std::chrono::seconds kPatience{5};

std::uint32_t ask(const tern::SocketAddress& server, const tern::PollerSpec& poller) {
  tern::EventLoop loop(poller);
  std::optional<std::uint32_t> answer;
  std::error_code failure;
  tern::TcpClient client(&loop, server, "time");
  client.setConnectTimeout(kPatience);
  client.setIdleTimeout(kPatience);
  client.setMessageCallback([&](const TcpConnectionPtr&, Buffer* input, Timestamp) {
    if (input->readableBytes() < sizeof(std::uint32_t)) return;
    answer = static_cast<std::uint32_t>(input->readInt32());
    loop.quit();
  });
  client.setConnectionCallback([&](const TcpConnectionPtr& connection) {
    if (connection->connected()) return;
    failure = connection->closeReason();
    loop.quit();
  });
  client.setConnectErrorCallback([&](std::error_code error, auto) {
    failure = error;
    loop.quit();
  });
  client.connect();
  loop.loop();
  if (failure) throw std::system_error(failure, server.toString());
  if (!answer) throw std::runtime_error(server.toString() + " closed without telling the time");
  return *answer;
}

void print(std::uint32_t seconds) {
  const std::time_t time = static_cast<std::uint32_t>(seconds - kSeventyYears);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  std::printf("%s\n", text.data());
}

}  // namespace

int main(int argc, char** argv) {
  std::string server;
  tern::examples::PollerArgument poller;
  return tern::examples::runProgram(
      argc, argv, "Asks a server for the time, and prints it.",
      [&](CLI::App& app) {
        app.add_option("--connect", server, "HOST:PORT or unix:/path of the server")->required();
        poller.addTo(app);
      },
      [&](const std::string& /*program*/) {
        print(ask(tern::SocketAddress::parse(server), poller.spec()));
        return 0;
      });
}
