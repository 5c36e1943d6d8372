// Codec: a server of frames with a four-byte length.
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(7000), "frames");
  const tern::LengthPrefixCodec codec;
  server.setMessageCallback(codec.onMessage(
      [codec](const auto& connection, auto frame, auto) { codec.send(connection, frame); }));
  server.start();
  loop.loop();
}
