// Server: Protocol Buffers services behind a TcpServer.
#pragma once

#include <google/protobuf/service.h>

#include <cstddef>
#include <memory>

#include "tern/net/Callbacks.h"
#include "tern/rpc/ServerController.h"

namespace tern {
class TcpServer;
}

namespace tern::rpc {

class ServerCore;

/// What a Server may be told; all bounds are for one connection.
struct ServerOptions {
  /// Calls whose `done` has not run when their method returned. More fail with kTooManyInFlight:
  /// to stop reading instead would keep cancellations out, for which those calls may wait.
  std::size_t maxInFlight = 1024;
  /// With more than this waiting to be sent the connection is not read from, until the client has
  /// taken all but a quarter of it.
  std::size_t highWaterMark = std::size_t{4} << 20U;
  /// Of a frame: a message, the method's name, and 20 bytes. The clients' should be the same.
  std::size_t maxFrame = std::size_t{4} << 20U;
};

/// Methods are called on the connection's loop: with several loops, on several threads at once.
/// They may run `done` there and then, which is cheapest, or later, once, on any thread, also when
/// connection, server and loop are gone. A call whose deadline has passed is not started. What a
/// method throws is the call's failure, with its what(); such a method must not have kept `done`.
///
/// A client that breaks the protocol is told so (kBadFrame) and disconnected; a line is logged.
/// When a TcpServer stops, replies that come after that are lost, and the clients' calls fail.
class Server {
 public:
  Server() : Server(ServerOptions()) {}
  explicit Server(const ServerOptions& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// The service must outlive the TcpServers and the calls it has not ended. Before attach(): later
  /// aborts with a sentence, and so does a second service of the same name.
  void registerService(google::protobuf::Service* service);

  /// Serves that server's connections; any number of servers may be attached. Sets their
  /// connection, message, drain and water-mark callbacks; the connections' contexts are taken, too.
  /// Before the server's start(), on its thread. This object may be gone afterwards. `onConnection`
  /// is called as the server's connection callback would be.
  void attach(TcpServer& server, ConnectionCallback onConnection = {});

 private:
  std::shared_ptr<ServerCore> core_;
};

}  // namespace tern::rpc
