// ConnectionSet: a dense array in which each connection knows its place.
#include "ConnectionSet.h"

#include <exception>
#include <string>

#include "tern/base/Logging.h"
#include "tern/net/TcpConnection.h"

namespace tern {

void ConnectionSet::add(TcpConnection& connection) {
  connections_.push_back(&connection);
  connection.setPosition_ = static_cast<std::uint32_t>(connections_.size() - 1);
}

void ConnectionSet::remove(TcpConnection& connection) {
  TcpConnection* last = connections_.back();
  connections_[connection.setPosition_] = last;
  last->setPosition_ = connection.setPosition_;
  connections_.pop_back();
  if (onRemoved_) onRemoved_(connection);
}

std::vector<TcpConnectionPtr> ConnectionSet::snapshot() const {
  std::vector<TcpConnectionPtr> result;
  result.reserve(connections_.size());
  for (TcpConnection* connection : connections_) result.push_back(connection->self_);
  return result;
}

void ConnectionSet::closeAll() noexcept {
  // From the back, one at a time: a callback may close others.
  while (!connections_.empty()) {
    TcpConnection* const last = connections_.back();
    try {
      connections_.back()->closeNow();
    } catch (const std::exception& error) {
      log(LogLevel::kError, [&] {
        return std::string("a connection callback threw while its server ended: ") + error.what();
      });
    } catch (...) {
      log(LogLevel::kError, "a connection callback threw while its server ended");
    }
    // Without memory even for closing, it is lost rather than tried for ever.
    if (!connections_.empty() && connections_.back() == last) connections_.pop_back();
  }
}

}  // namespace tern
