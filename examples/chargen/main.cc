// chargen_server: sends a rotating pattern for as long as the client reads it (RFC 864).
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <cstddef>
#include <memory>
#include <string>

#include "ServerProgram.h"

namespace {

using tern::TcpConnectionPtr;

constexpr std::size_t kCharacters = '~' - ' ' + 1;
constexpr std::size_t kLineLength = 72;
constexpr std::size_t kRepetitions = 16;

// Each line begins a character after the one before, so after as many lines as there are characters
// the pattern begins anew: some 100 KiB of it that can be sent again and again.
std::string pattern() {
  std::string block;
  block.reserve(kRepetitions * kCharacters * (kLineLength + 2));
  for (std::size_t line = 0; line < kRepetitions * kCharacters; ++line) {
    for (std::size_t column = 0; column < kLineLength; ++column) {
      block.push_back(static_cast<char>(' ' + (line + column) % kCharacters));
    }
    block += "\r\n";
  }
  return block;
}

void configure(tern::TcpServer& server) {
  const auto block = std::make_shared<const std::string>(pattern());
  server.setConnectionCallback([block](const TcpConnectionPtr& connection) {
    if (connection->connected()) connection->send(block);
  });
  // Not before the last block has left: that is all that a client which does not read can cost.
  server.setWriteCompleteCallback(
      [block](const TcpConnectionPtr& connection) { connection->send(block); });
}

}  // namespace

int main(int argc, char** argv) {
  return tern::examples::runServerProgram(argc, argv, "Sends characters without end.", configure);
}
