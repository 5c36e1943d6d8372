// Ring: the load of the pipe-ring benchmark: whoever receives a token passes it on to the next.
#pragma once

#include <tern/base/UniqueFd.h>

#include <cstddef>
#include <vector>

namespace tern::bench {

/// Descriptors in a ring, none of them watched by itself: receive() is to be called when one is
/// readable. A token is eight bytes, so that an eventfd can carry it as well as a pipe.
class Ring {
 public:
  /// Two descriptors a link, one of which is to be watched. Throws std::system_error.
  static Ring ofPipes(std::size_t links);
  /// One descriptor a link.
  static Ring ofEventFds(std::size_t links);

  [[nodiscard]] std::size_t size() const noexcept { return readers_.size(); }
  [[nodiscard]] int reader(std::size_t link) const { return readers_[link].get(); }

  /// Lets `tokens` go at equal distances, to be passed on `passes` times in all.
  void start(std::size_t tokens, std::size_t passes);
  /// Takes the token from the link, and passes it on if some passes are left.
  void receive(std::size_t link);
  /// All that was sent has been received.
  [[nodiscard]] bool atRest() const noexcept { return received_ == sent_; }
  /// In all rounds.
  [[nodiscard]] std::size_t received() const noexcept { return received_; }

 private:
  void send(std::size_t link);

  std::vector<UniqueFd> readers_;
  std::vector<UniqueFd> writers_;  // empty where readers_ are for both
  std::size_t passesLeft_ = 0;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

/// Whether the process may have so many descriptors besides those it has; raises its soft limit.
bool reserveDescriptors(std::size_t count);

}  // namespace tern::bench
