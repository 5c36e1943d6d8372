// HttpFixture: the client's side of the standard, as far as tests need it.
#include "HttpFixture.h"

#include <stdexcept>
#include <utility>

namespace tern::testing {

bool Reply::hasLine(std::string_view line) const {
  return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

void HttpPeer::more() {
  const std::string bytes = receiveSome(std::size_t{16} * 1024);
  if (bytes.empty()) throw std::runtime_error("the connection ended within a reply");
  received_ += bytes;
}

std::string HttpPeer::take(std::size_t length) {
  while (received_.size() < length) more();
  std::string bytes = received_.substr(0, length);
  received_.erase(0, length);
  return bytes;
}

std::string HttpPeer::takeLine() {
  while (received_.find("\r\n") == std::string::npos) more();
  std::string line = take(received_.find("\r\n"));
  take(2);
  return line;
}

Reply HttpPeer::receive(bool toHead) {
  Reply reply;
  while (received_.find("\r\n\r\n") == std::string::npos) more();
  reply.head = take(received_.find("\r\n\r\n") + 4);
  if (!reply.head.starts_with("HTTP/1.1 ")) throw std::runtime_error("no status: " + reply.head);
  reply.status = std::stoi(reply.head.substr(9, 3));
  if (toHead || reply.status < 200) return reply;
  const std::string length = "\r\nContent-Length: ";
  if (reply.hasLine("Transfer-Encoding: chunked")) {
    for (;;) {
      const std::size_t size = std::stoul(takeLine(), nullptr, 16);
      reply.body += take(size);
      if (!takeLine().empty()) throw std::runtime_error("a chunk is longer than it says");
      if (size == 0) return reply;
    }
  }
  if (const std::size_t at = reply.head.find(length); at != std::string::npos) {
    reply.body = take(std::stoul(reply.head.substr(at + length.size())));
  }
  return reply;
}

std::string HttpPeer::rest() { return std::exchange(received_, {}) + receiveUntilEof(); }

void HttpPeer::get(std::string_view path) { sendAll(getRequest(path)); }

std::string getRequest(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string postRequest(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

void HttpFixture::serveHttp(http::Handler handler, http::Limits limits, std::size_t loops) {
  serve([&](TcpServer& server) {
    server.setThreadNum(loops);
    http::Service service(std::move(handler), limits);
    service.setAdmission(admission);
    service.attach(server, [this](const TcpConnectionPtr& connection) {
      if (connection->disconnected()) {
        downs().put({connection, connection->closeReason()});
      } else {
        if (onUp) onUp(connection);
        ups().put(connection);
      }
    });
  });
}

void HttpFixture::serveMirror(http::Limits limits) {
  serveHttp(
      [this](const http::Request& request, http::Responder responder) {
        std::string text = std::string(request.method()) + ' ' + std::string(request.target()) +
                           ' ' + request.body();
        requests.put(text);
        responder.send(http::Response(200, std::move(text)));
      },
      limits);
}

void HttpFixture::letLoopTurn() {
  for (int i = 0; i < 2; ++i) runOnLoop([] {});
}

http::Handler HttpFixture::keepResponders() {
  return [this](const http::Request&, http::Responder responder) {
    responders.put(std::make_shared<http::Responder>(std::move(responder)));
  };
}

}  // namespace tern::testing
