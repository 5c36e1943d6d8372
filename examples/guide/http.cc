// HTTP: a server that greets whoever asks, by name.
#include <tern/http/Service.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpServer.h>

#include <string>

int main() {
  tern::EventLoop loop;
  tern::TcpServer server(&loop, tern::SocketAddress(8080), "greeter");
  tern::http::Service service([](tern::http::Request& request, tern::http::Responder responder) {
    const std::string name(request.path().substr(1));
    responder.send(tern::http::Response(200, "hello, " + (name.empty() ? "world" : name) + "\n"));
  });
  service.attach(server);
  server.start();
  loop.loop();
}
