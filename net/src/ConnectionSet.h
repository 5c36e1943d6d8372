// ConnectionSet: the connections of one owner on one loop, while they are up.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "tern/base/Counter.h"
#include "tern/net/Callbacks.h"
#include "tern/net/ServerStats.h"
#include "tern/net/TcpConnection.h"

namespace tern {

/// Belongs to the loop's thread, but for what says "any thread". Holds no ownership: a connection
/// that is up holds itself.
class ConnectionSet {
 public:
  /// What the connections count as they go.
  struct Counters {
    Counter received;
    Counter sent;
    Counter held;  // bytes: now, not ever
    Counter opened;
    std::array<Counter, TcpConnection::kCloseCauses> closed;  // by cause
  };
  using Removed = std::function<void(const TcpConnection&)>;
  using Grown = std::function<void()>;

  /// `onRemoved` runs for each that goes down, before its last callback.
  explicit ConnectionSet(Removed onRemoved) : onRemoved_(std::move(onRemoved)) {}
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;

  /// Runs whenever the connections come to hold more bytes, in the middle of one's work: it must
  /// neither close any nor throw.
  void setGrownCallback(Grown onGrown) { onGrown_ = std::move(onGrown); }

  [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }
  [[nodiscard]] bool empty() const noexcept { return connections_.empty(); }

  void add(TcpConnection& connection);
  void remove(TcpConnection& connection);

  /// A copy that stays valid while connections come and go.
  [[nodiscard]] std::vector<TcpConnectionPtr> snapshot() const;

  /// Closes each at once, its connection callback included; what those throw is logged.
  void closeAll() noexcept;

  /// Closes, soon, those that hold the most, with std::errc::no_buffer_space, until so many bytes
  /// fewer are held; what holds bytes and is closing already counts. Whether it closed any. May
  /// throw std::bad_alloc.
  bool closeLargest(std::size_t excess);

  // --- for the connections ---

  [[nodiscard]] Counters& counters() noexcept { return counters_; }
  void hold(std::size_t bytes) {
    counters_.held.add(bytes);
    if (onGrown_) grown();
  }
  void release(std::size_t bytes) noexcept { counters_.held.subtract(bytes); }

  // --- any thread ---

  [[nodiscard]] std::size_t heldBytes() const noexcept { return counters_.held.value(); }
  void addTo(ServerStats& stats) const noexcept;

 private:
  [[gnu::cold]] void grown();
  [[nodiscard]] std::uint64_t closedBy(TcpConnection::CloseCause cause) const noexcept {
    return counters_.closed[static_cast<std::size_t>(cause)].value();
  }

  Counters counters_;
  Grown onGrown_;
  Removed onRemoved_;
  std::vector<TcpConnection*> connections_;
};

}  // namespace tern
