// PollPoller: the backend on poll(2). O(n) a turn, and the most portable of the three.
#pragma once

#include <poll.h>

#include <cstdint>
#include <vector>

#include "tern/poller/Poller.h"

namespace tern {

class PollPoller final : public Poller {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "poll"; }
  int poll(Duration timeout) override;
  void update(Channel& channel) override;
  void remove(Channel& channel) override;

 private:
  static constexpr std::uint32_t kNowhere = 0xFFFFFFFFU;
  struct Ready {
    SlotId channel;
    EventMask events;
  };

  void wait(Duration timeout);
  void drop(std::uint32_t slot);

  // Two parallel arrays, as poll() wants the first one bare.
  std::vector<pollfd> polled_;
  std::vector<SlotId> channels_;
  std::vector<std::uint32_t> positions_;  // by the channel's slot index: where it is in the arrays
  std::vector<Ready> ready_;
  // The first of ready_ that was not dispatched: what throws must not come first again and again.
  std::size_t next_ = 0;
};

}  // namespace tern
