// ServerLimits: what the shards of a server share: its limits, and who was refused.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "PeerCounts.h"
#include "tern/net/ServerStats.h"

namespace tern {

class ConnectionSet;
class ServerShard;

/// Any thread. The limits are set before there are shards.
class ServerLimits {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void setMaxConnections(std::size_t count) noexcept { maxConnections_ = count; }
  void setMaxConnectionsPerPeer(std::size_t count) { peers_ = std::make_shared<PeerCounts>(count); }
  void setBufferLimit(std::size_t bytes) noexcept { bufferLimit_ = bytes; }

  // --- admission ---

  /// Unique within the server.
  std::uint64_t nextId() noexcept { return nextId_.fetch_add(1, std::memory_order_relaxed); }
  /// Up, or on their way to their loop.
  [[nodiscard]] std::size_t connections() const noexcept {
    return connections_.load(std::memory_order_relaxed);
  }
  /// Counts a connection in; false, and counts it as refused, when there are too many.
  bool admit() noexcept;
  void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
  /// The same for its host.
  [[nodiscard]] bool countsPeers() const noexcept { return peers_ != nullptr; }
  std::optional<PeerCounts::Place> admitPeer(int fd);

  void noteFailed() noexcept { failed_.fetch_add(1, std::memory_order_relaxed); }
  void noteAcceptError(std::size_t shed) noexcept {
    acceptErrors_.fetch_add(1, std::memory_order_relaxed);
    shed_.fetch_add(shed, std::memory_order_relaxed);
  }

  // --- what the connections hold ---

  /// The shards that serve, before the first connection; none: they have ended.
  void setShards(const std::vector<std::shared_ptr<ServerShard>>& shards);
  [[nodiscard]] bool limitsBuffers() const noexcept { return bufferLimit_ != kNone; }
  /// By how many bytes they hold too much. Loops that serve.
  [[nodiscard]] std::size_t excess() const noexcept;
  /// The shard whose connections hold the most; null when it has ended. Loops that serve.
  [[nodiscard]] std::shared_ptr<ServerShard> largestHolder() const noexcept;
  void noteBufferLimit() noexcept;

  [[nodiscard]] ServerStats stats() const;

 private:
  struct Share {
    std::shared_ptr<const ConnectionSet> connections;
    std::weak_ptr<ServerShard> shard;
  };

  std::size_t maxConnections_ = kNone;
  std::size_t bufferLimit_ = kNone;
  std::shared_ptr<PeerCounts> peers_;  // null: no limit

  std::atomic<std::uint64_t> nextId_{1};
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> peersRefused_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> shed_{0};
  std::atomic<std::uint64_t> acceptErrors_{0};
  std::atomic<bool> bufferLimitMet_{false};

  mutable std::mutex mutex_;   // for stats(), which may come while the server starts
  std::vector<Share> shares_;  // does not change while loops serve
};

}  // namespace tern
