// codec: a program on tern::codec, of a project that is not ours: a server of lines, never
// connected to.
#include <tern/codec/LineCodec.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

#include <chrono>

int main() {
  const tern::LineCodec codec;
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(0, true), "lines");
  server.setMessageCallback(codec.onMessage(
      [codec](const auto& connection, auto line, auto) { codec.send(connection, line); }));
  server.start();
  loop.runAfter(std::chrono::milliseconds(1), [&loop] { loop.quit(); });
  loop.loop();
  return codec.encode("line") == "line\n" ? 0 : 1;
}
