// PeerCounts: how many connections each peer's host has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace tern {

/// A host is an IPv4 address, or the first 64 bits of an IPv6 address, of which one host may have
/// all the rest; on the local link, where all hosts have those in common, the whole address. Any
/// thread.
class PeerCounts : public std::enable_shared_from_this<PeerCounts> {
 public:
  using Host = std::array<std::uint8_t, 16>;

  /// A connection's place among those of its host, given back at its end.
  class Place {
   public:
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept {
      counts_.swap(other.counts_);
      host_.swap(other.host_);
      return *this;
    }
    ~Place() {
      if (counts_ != nullptr) counts_->leave(host_);
    }

   private:
    friend class PeerCounts;
    Place(std::shared_ptr<PeerCounts> counts, const Host& host)
        : counts_(std::move(counts)), host_(host) {}

    std::shared_ptr<PeerCounts> counts_;  // null: moved from, or not counted
    Host host_;
  };

  explicit PeerCounts(std::size_t most) : most_(most) {}

  [[nodiscard]] std::size_t most() const noexcept { return most_; }
  /// For an accepted socket; nothing when its host has as many as it may. Who has no address, as
  /// the peers of a Unix-domain server, is not counted.
  [[nodiscard]] std::optional<Place> admit(int fd);

 private:
  void leave(const Host& host) noexcept;

  const std::size_t most_;
  std::mutex mutex_;
  std::map<Host, std::size_t> counts_;  // guarded by mutex_; none is zero
};

}  // namespace tern
