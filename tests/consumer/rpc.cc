// rpc: a program on tern::rpc, of a project that is not ours: a server without services, and a
// client.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>
#include <tern/rpc/Channel.h>
#include <tern/rpc/Server.h>

#include <chrono>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(0, true), "rpc");
  tern::rpc::Server rpc;
  rpc.attach(server);
  server.start();
  const tern::rpc::Channel channel(&loop, server.address());
  const auto deadline = tern::Clock::now() + std::chrono::seconds(10);
  loop.runEvery(std::chrono::milliseconds(1), [&] {
    if (channel.connected() || tern::Clock::now() > deadline) loop.quit();
  });
  loop.loop();
  return channel.connected() && channel.inFlight() == 0 ? 0 : 1;
}
