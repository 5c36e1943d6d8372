// discard_server: throws away what it receives (RFC 863), and says at its end how much that was.
#include <tern/base/Buffer.h>
#include <tern/base/Clock.h>
#include <tern/base/Logging.h>
#include <tern/net/TcpServer.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "ServerProgram.h"

namespace {

std::string summary(std::uint64_t bytes, tern::Duration time) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const std::uint64_t rate =
      milliseconds > 0 ? bytes * 1000 / static_cast<std::uint64_t>(milliseconds) : 0;
  return "discarded " + std::to_string(bytes) + " bytes in " + std::to_string(milliseconds) +
         " ms, " + std::to_string(rate >> 20U) + " MiB/s";
}

}  // namespace

int main(int argc, char** argv) {
  std::atomic<std::uint64_t> bytes{0};
  const tern::Timestamp start = tern::Clock::now();
  const int status = tern::examples::runServerProgram(
      argc, argv, "Throws away what it receives.", [&bytes](tern::TcpServer& server) {
        server.setMessageCallback(
            [&bytes](const tern::TcpConnectionPtr&, tern::Buffer* input, tern::Timestamp) {
              bytes.fetch_add(input->readableBytes(), std::memory_order_relaxed);
              input->retrieveAll();
            });
      });
  if (bytes > 0) tern::log(tern::LogLevel::kInfo, summary(bytes, tern::Clock::now() - start));
  return status;
}
