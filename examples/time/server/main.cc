// time_server: sends the seconds since 1900 as a number of 32 bits, and closes (RFC 868).
#include <tern/base/Buffer.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <cstdint>
#include <ctime>

#include "ServerProgram.h"

namespace {

using namespace std::chrono_literals;

// A client that has its answer, and does not close, is not waited for longer.
constexpr auto kPatience = 2s;

// From 1900, where the protocol begins to count, to 1970, where the clock does.
constexpr std::uint32_t kSeventyYears = 2'208'988'800U;

void configure(tern::TcpServer& server) {
  server.setConnectionCallback([](const tern::TcpConnectionPtr& connection) {
    if (!connection->connected()) return;
    const auto now = static_cast<std::uint32_t>(std::time(nullptr)) + kSeventyYears;
    tern::Buffer answer;
    answer.appendInt32(static_cast<std::int32_t>(now));
    connection->send(&answer);
    connection->shutdown();
    connection->forceCloseWithDelay(kPatience);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return tern::examples::runServerProgram(argc, argv, "Tells the seconds since 1900.", configure);
}
