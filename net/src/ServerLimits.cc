// ServerLimits: one line in the log for each limit, the first time that it is met.
#include "ServerLimits.h"

#include <algorithm>
#include <string>

#include "ConnectionSet.h"
#include "ServerShard.h"
#include "tern/base/Logging.h"

namespace tern {

bool ServerLimits::admit() noexcept {
  if (connections_.fetch_add(1, std::memory_order_relaxed) < maxConnections_) return true;
  leave();
  // One line for the first: a server at its limit has better things to do than to log.
  if (refused_.fetch_add(1, std::memory_order_relaxed) == 0) {
    log(LogLevel::kWarn, [&] {
      return "the limit of " + std::to_string(maxConnections_) +
             " connections is reached; further ones are closed as they arrive";
    });
  }
  return false;
}

std::optional<PeerCounts::Place> ServerLimits::admitPeer(int fd) {
  std::optional<PeerCounts::Place> place = peers_->admit(fd);
  if (!place && peersRefused_.fetch_add(1, std::memory_order_relaxed) == 0) {
    log(LogLevel::kWarn, [&] {
      return "a peer has reached the limit of " + std::to_string(peers_->most()) +
             " connections; its further ones, and those of other such peers, are closed "
             "as they arrive";
    });
  }
  return place;
}

void ServerLimits::setShards(const std::vector<std::shared_ptr<ServerShard>>& shards) {
  std::vector<Share> shares;
  shares.reserve(shards.size());
  for (const auto& shard : shards) shares.push_back({shard->connections(), shard});
  const std::lock_guard lock(mutex_);
  shares_.swap(shares);
}

std::size_t ServerLimits::excess() const noexcept {
  std::size_t held = 0;
  for (const Share& share : shares_) held += share.connections->heldBytes();
  return held - std::min(held, bufferLimit_);
}

std::shared_ptr<ServerShard> ServerLimits::largestHolder() const noexcept {
  const auto largest =
      std::max_element(shares_.begin(), shares_.end(), [](const Share& a, const Share& b) {
        return a.connections->heldBytes() < b.connections->heldBytes();
      });
  return largest == shares_.end() ? nullptr : largest->shard.lock();
}

void ServerLimits::noteBufferLimit() noexcept {
  if (bufferLimitMet_.exchange(true, std::memory_order_relaxed)) return;
  log(LogLevel::kWarn, [&] {
    return "the connections hold more than the limit of " + std::to_string(bufferLimit_) +
           " bytes; those that hold the most are closed";
  });
}

ServerStats ServerLimits::stats() const {
  ServerStats stats;
  stats.refused.limit = refused_.load(std::memory_order_relaxed);
  stats.refused.peerLimit = peersRefused_.load(std::memory_order_relaxed);
  stats.refused.failed = failed_.load(std::memory_order_relaxed);
  stats.refused.shed = shed_.load(std::memory_order_relaxed);
  stats.acceptErrors = acceptErrors_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  for (const Share& share : shares_) share.connections->addTo(stats);
  return stats;
}

}  // namespace tern
