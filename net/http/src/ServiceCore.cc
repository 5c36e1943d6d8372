// ServiceCore: the table of sessions, used when connections come and go.
#include "ServiceCore.h"

#include <utility>

namespace tern::http {

void ServiceCore::add(const TcpConnectionPtr& connection, std::shared_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  sessions_[connection.get()] = std::move(session);
}

std::shared_ptr<Session> ServiceCore::remove(const TcpConnectionPtr& connection) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(connection.get());
  if (found == sessions_.end()) return nullptr;
  std::shared_ptr<Session> session = std::move(found->second);
  sessions_.erase(found);
  return session;
}

std::shared_ptr<Session> ServiceCore::find(const TcpConnectionPtr& connection) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(connection.get());
  return found == sessions_.end() ? nullptr : found->second;
}

std::size_t ServiceCore::count() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace tern::http
