// Client: says hello to an echo server each time that it is connected, and tries again for ever.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpConnection.h>

#include <cstdio>

int main() {
  tern::EventLoop loop;
  tern::TcpClient client(&loop, tern::SocketAddress("127.0.0.1", 7000), "hello");
  client.setRetry({});  // 0.5 s, doubling up to 30 s, drawn by chance
  client.setConnectionCallback([](const auto& connection) {
    if (connection->connected()) connection->send("hello\n");
  });
  client.setMessageCallback([](const auto&, tern::Buffer* input, tern::Timestamp) {
    std::printf("%s", input->retrieveAllAsString().c_str());
  });
  client.setConnectErrorCallback(
      [](std::error_code error, auto) { std::printf("not yet: %s\n", error.message().c_str()); });
  client.connect();
  loop.loop();
}
