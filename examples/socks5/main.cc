// socks5_server: a SOCKS 5 proxy (RFC 1928) without authentication, for CONNECT to IPv4 and IPv6
// addresses and to names.
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <string>
#include <variant>

#include "PerLoop.h"
#include "Resolver.h"
#include "ServerProgram.h"
#include "Socks5.h"
#include "Tunnels.h"

namespace {

namespace socks5 = tern::examples::socks5;
using socks5::Reply;
using tern::Buffer;
using tern::SocketAddress;
using tern::TcpConnectionPtr;
using tern::Timestamp;
using tern::examples::Resolver;
using tern::examples::Tunnels;

// From the first byte to the request's last, however they trickle in.
constexpr std::chrono::seconds kPatience{10};

// What a loop's connections share.
struct Services {
  explicit Services(tern::EventLoop& loop) : tunnels(loop), resolver(loop) {}

  Tunnels tunnels;
  Resolver resolver;
};

Services& servicesOf(const TcpConnectionPtr& client) {
  return tern::examples::perLoop<Services>(*client->getLoop());
}

// The client has a while to read this, and nothing more to say.
void partWith(const TcpConnectionPtr& client, const std::string& lastWords) {
  client->send(lastWords);
  client->shutdown();
  client->setMessageCallback({});
  client->startRead();
  client->setDeadline(tern::Clock::now() + kPatience);
}

void refuse(const TcpConnectionPtr& client, Reply reply) {
  partWith(client, socks5::requestReply(reply));
}

void connect(const TcpConnectionPtr& client, const SocketAddress& address) {
  client->clearDeadline();
  servicesOf(client).tunnels.open(
      client, address,
      [](std::error_code error, const TcpConnectionPtr& from, const TcpConnectionPtr& to) {
        if (error) {
          refuse(from, socks5::replyFor(error));
        } else {
          from->send(socks5::requestReply(Reply::kSucceeded, to->localAddress()));
        }
      });
}

void serveRequest(const TcpConnectionPtr& client, Buffer* input) {
  auto request = socks5::parseRequest(*input);
  if (!request.message) {
    if (request.state == decltype(request)::State::kBad) refuse(client, request.reply);
    return;
  }
  if (const auto* address = std::get_if<SocketAddress>(&*request.message)) {
    connect(client, *address);
    return;
  }
  // What comes meanwhile is for the destination.
  client->stopRead();
  const auto& [host, port] = std::get<socks5::Name>(*request.message);
  servicesOf(client).resolver.resolve(host, port, [weak = client->weak_from_this()](auto address) {
    const TcpConnectionPtr asking = weak.lock();
    if (asking == nullptr || asking->disconnected()) return;
    if (address) {
      connect(asking, *address);
    } else {
      refuse(asking, Reply::kHostUnreachable);
    }
  });
}

void serveGreeting(const TcpConnectionPtr& client, Buffer* input) {
  const auto greeting = socks5::parseGreeting(*input);
  if (greeting.state == decltype(greeting)::State::kBad) {
    client->forceClose();
  } else if (greeting.message) {
    const std::string reply = socks5::methodReply(*greeting.message);
    if (!*greeting.message) {
      partWith(client, reply);
      return;
    }
    client->send(reply);
    client->setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      serveRequest(connection, buffer);
    });
    // A client in a hurry has sent its request with the greeting.
    if (!input->empty()) serveRequest(client, input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return tern::examples::runServerProgram(
      argc, argv, "A SOCKS 5 proxy without authentication.", [](tern::TcpServer& server) {
        server.setConnectionCallback([](const TcpConnectionPtr& connection) {
          if (connection->connected()) connection->setDeadline(tern::Clock::now() + kPatience);
        });
        server.setMessageCallback([](const TcpConnectionPtr& client, Buffer* input, Timestamp) {
          serveGreeting(client, input);
        });
      });
}
