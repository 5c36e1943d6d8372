// HttpFixture: an HTTP service on each poller, and a client that takes replies apart by itself.
#pragma once

#include <tern/http/Service.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {

/// A reply as it came.
struct Reply {
  int status = 0;
  std::string head;  ///< with its empty line
  std::string body;  ///< without chunks

  [[nodiscard]] bool hasLine(std::string_view line) const;
};

/// A client that remembers what it has received beyond a reply.
class HttpPeer : public Peer {
 public:
  using Peer::Peer;

  /// The next reply; without a body if it answers HEAD. Throws when the connection ends before.
  Reply receive(bool toHead = false);
  /// What comes until the end of file, behind the replies received.
  std::string rest();
  void get(std::string_view path = "/");

 private:
  void more();
  std::string take(std::size_t length);
  std::string takeLine();

  std::string received_;
};

/// "GET <path> HTTP/1.1", for host "a".
std::string getRequest(std::string_view path = "/");
/// A POST with a Content-Length.
std::string postRequest(std::string_view path, std::string_view body);

class HttpFixture : public ServerFixture {
 protected:
  /// A server whose service replies through this handler. With `loops`, on threads of their own.
  void serveHttp(http::Handler handler, http::Limits limits = {}, std::size_t loops = 0);
  /// A service that replies with the method, the path and the body of each request, and notes them.
  void serveMirror(http::Limits limits = {});

  /// Lets the loop see what was sent so far.
  void letLoopTurn();

  /// Before serveHttp().
  http::Admission admission;
  /// What the mirror got: "GET /path body".
  Mailbox<std::string> requests;
  /// For handlers that reply later.
  Mailbox<std::shared_ptr<http::Responder>> responders;
  http::Handler keepResponders();
};

}  // namespace tern::testing
