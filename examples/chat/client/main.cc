// chat_client: sends what comes on standard input, and prints what the others say.
#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>
#include <tern/poller/Channel.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "Program.h"

namespace {

using tern::Buffer;
using tern::TcpConnectionPtr;
using tern::Timestamp;

// A terminal or a pipe: its Channel reports when a read() does not wait.
class Terminal {
 public:
  Terminal(tern::EventLoop& loop, TcpConnectionPtr room)
      : room_(std::move(room)), input_(loop.poller(), STDIN_FILENO) {
    input_.setReadCallback([this](Timestamp) { forward(); });
    input_.enableReading();
  }

 private:
  void forward() {
    std::array<char, 4096> block{};
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n > 0) {
      room_->send(std::string_view(block.data(), static_cast<std::size_t>(n)));
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
      input_.disableAll();
      room_->shutdown();
    }
  }

  const TcpConnectionPtr room_;
  tern::Channel input_;
};

int talk(const tern::SocketAddress& address, const tern::PollerSpec& poller) {
  tern::EventLoop loop(poller);
  std::optional<Terminal> terminal;
  std::error_code failure;
  tern::TcpClient client(&loop, address, "chat");
  client.setConnectionCallback([&](const TcpConnectionPtr& connection) {
    if (connection->connected()) {
      terminal.emplace(loop, connection);
    } else {
      terminal.reset();
      failure = connection->closeReason();
      loop.quit();
    }
  });
  client.setMessageCallback([](const TcpConnectionPtr&, Buffer* input, Timestamp) {
    std::fwrite(input->peek(), 1, input->readableBytes(), stdout);
    std::fflush(stdout);
    input->retrieveAll();
  });
  client.setConnectErrorCallback([&](std::error_code error, auto) {
    failure = error;
    loop.quit();
  });
  client.connect();
  loop.loop();
  if (failure) throw std::system_error(failure, address.toString());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string address;
  tern::examples::PollerArgument poller;
  return tern::examples::runProgram(
      argc, argv, "Sends what you type to a chat_server, and prints what the others say.",
      [&](CLI::App& app) {
        app.add_option("--connect", address, "HOST:PORT or unix:/path of the server")->required();
        poller.addTo(app);
      },
      [&](const std::string& /*program*/) {
        return talk(tern::SocketAddress::parse(address), poller.spec());
      });
}
