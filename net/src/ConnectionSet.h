// ConnectionSet: the connections of one owner on one loop, while they are up.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "tern/net/Callbacks.h"

namespace tern {

/// Belongs to the loop's thread. Holds no ownership: a connection that is up holds itself.
class ConnectionSet {
 public:
  using Removed = std::function<void(const TcpConnection&)>;
  /// `onRemoved` runs for each that goes down, before its last callback.
  explicit ConnectionSet(Removed onRemoved) : onRemoved_(std::move(onRemoved)) {}
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }
  [[nodiscard]] bool empty() const noexcept { return connections_.empty(); }

  void add(TcpConnection& connection);
  void remove(TcpConnection& connection);

  /// A copy that stays valid while connections come and go.
  [[nodiscard]] std::vector<TcpConnectionPtr> snapshot() const;

  /// Closes each at once, its connection callback included; what those throw is logged.
  void closeAll() noexcept;

 private:
  Removed onRemoved_;
  std::vector<TcpConnection*> connections_;
};

}  // namespace tern
