// http: a program on tern::http, of a project that is not ours: a greeting, to nobody.
#include <tern/http/Service.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

#include <chrono>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(0, true), "http");
  tern::http::Service service([](tern::http::Request&, tern::http::Responder responder) {
    responder.send(tern::http::Response(200, "hello"));
  });
  service.attach(server);
  server.start();
  loop.runAfter(std::chrono::milliseconds(1), [&loop] { loop.quit(); });
  loop.loop();
  return service.connectionCount() == 0 ? 0 : 1;
}
