// net: a program on the core of tern, of a project that is not ours: a loop, a server, a timer.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

#include <chrono>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(0, true), "consumer");
  server.start();
  loop.runAfter(std::chrono::milliseconds(1), [&loop] { loop.quit(); });
  loop.loop();
  return server.address().port() != 0 ? 0 : 1;
}
