// Service: an HTTP/1.1 server on a TcpServer. Start here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "tern/http/Limits.h"
#include "tern/http/Request.h"
#include "tern/http/Responder.h"
#include "tern/http/Response.h"
#include "tern/net/Callbacks.h"

namespace tern {
class TcpServer;
}

namespace tern::http {

struct ServiceCore;

/// Replies to a request, at once or by keeping the responder. Called on the connection's loop with
/// the request complete; the request is the handler's to change or move from, and gone after the
/// call. An exception that leaves it is logged and, unless the reply had begun, answered with 500.
using Handler = std::function<void(Request& request, Responder responder)>;

/// Looks at the head of a request that has a body before that is received: a reply refuses it, and
/// the connection closes behind; nothing accepts it. An exception is logged and refuses it with
/// 500.
using Admission = std::function<std::optional<Response>(const Request& head)>;

/// What HTTP asks for and a handler need not: keep-alive and pipelining, framing in both
/// directions, HEAD, 100-continue, Date, limits and time-outs, and an error reply and a close for
/// what is no proper request. Routing is the handler's.
///
///   tern::http::Service service([](tern::http::Request& request, tern::http::Responder responder)
///   {
///     responder.send(tern::http::Response(200, "hello"));
///   });
///   service.attach(server);
///
/// The service may be destroyed when it has been attached: its servers share what they need.
class Service {
 public:
  /// Throws std::invalid_argument without a handler, and for limits that let nothing through.
  explicit Service(Handler handler, Limits limits = {});
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// Before attach().
  void setAdmission(Admission admission);

  /// Makes the server speak HTTP: sets its callbacks, marks and output limit, and those of its
  /// connections. When it stops, the requests that were taken are answered first, and the next one
  /// if something of it has come. Before the server's start(), on its thread; also for several
  /// servers. `onConnection` is called as a connection callback would be.
  void attach(TcpServer& server, ConnectionCallback onConnection = {});

  /// Connections of all servers attached. Any thread.
  [[nodiscard]] std::size_t connectionCount() const;

 private:
  std::shared_ptr<ServiceCore> core_;
};

}  // namespace tern::http
