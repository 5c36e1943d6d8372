// KvServer: Redis commands from tern's connections to the store, and replies back.
#pragma once

#include <tern/net/Callbacks.h>

#include <cstddef>
#include <memory>

#include "Commands.h"
#include "RespParser.h"
#include "Store.h"

namespace tern {
class EventLoop;
class TcpServer;
}  // namespace tern

namespace tern::kv {

/// Sets a server's callbacks, and so must outlive it and its loops.
///
/// What a batch of pipelined commands replies is sent as one piece. A client that does not read its
/// replies is not served, nor read from, until it does: it costs a megabyte or two.
class KvServer {
 public:
  /// On the thread of the server's loop, before start().
  KvServer(TcpServer& server, const Store::Options& store, const RespParser::Limits& limits);
  KvServer(const KvServer&) = delete;
  KvServer& operator=(const KvServer&) = delete;
  ~KvServer();

 private:
  struct Session;
  struct Worker;

  void setUp(EventLoop* loop);
  void greetOrPart(const TcpConnectionPtr& connection);
  void receive(const TcpConnectionPtr& connection, Buffer* input, Time now);
  bool serveSafely(const TcpConnectionPtr& connection, Session& session, Buffer* input, Time now);
  static void giveUp(const TcpConnectionPtr& connection, Session& session);
  bool serve(const TcpConnectionPtr& connection, Session& session, Buffer* input, Time now);
  bool executeOne(const TcpConnectionPtr& connection, Session& session, std::string_view input,
                  Time now);
  void sweep(EventLoop* loop);

  const RespParser::Limits limits_;
  Store store_;
  ServerFacts facts_;
};

}  // namespace tern::kv
