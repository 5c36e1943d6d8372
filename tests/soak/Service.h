// Service: what the soak's server does: each way to answer that the library has.
#pragma once

#include <tern/net/Callbacks.h>
#include <tern/net/TcpServer.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "Messages.h"
#include "Tally.h"

namespace tern::soak {

/// Outlives the servers that it is the service of.
class Service {
 public:
  explicit Service(Tally& tally) : tally_(tally) {}

  /// Sets the server's callbacks and bounds; before start().
  void serveOn(TcpServer& server);

  /// To all that subscribed, on whatever loop. Any thread.
  void broadcast(const Header& header);

 private:
  struct Session;

  void onConnection(const TcpConnectionPtr& connection);
  void onMessage(const TcpConnectionPtr& connection, Buffer& buffer);
  bool takeBytes(const TcpConnectionPtr& connection, Session& session, Buffer& buffer);
  bool takeRequest(const TcpConnectionPtr& connection, Session& session, Buffer& buffer);
  void answer(const TcpConnectionPtr& connection, const Header& header);
  void answerLater(const TcpConnectionPtr& connection, const Header& header);
  static void answerGet(const TcpConnectionPtr& connection, const Header& header);
  [[nodiscard]] std::vector<TcpConnectionPtr> subscribers() const;

  Tally& tally_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<const TcpConnection*, std::weak_ptr<TcpConnection>> subscribers_;
};

}  // namespace tern::soak
