// ServiceCore: what a service's servers and connections share.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "tern/http/Service.h"

namespace tern::http {

class Session;

/// Settings are fixed once a server starts; the table of sessions may be used by any thread.
class ServiceCore {
 public:
  Handler handler;
  Admission admission;
  Limits limits;

  void add(const TcpConnectionPtr& connection, std::shared_ptr<Session> session);
  /// Returns it, to end it outside of the lock; null when it is unknown.
  std::shared_ptr<Session> remove(const TcpConnectionPtr& connection);
  [[nodiscard]] std::shared_ptr<Session> find(const TcpConnectionPtr& connection) const;
  [[nodiscard]] std::size_t count() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<const TcpConnection*, std::shared_ptr<Session>> sessions_;
};

}  // namespace tern::http
