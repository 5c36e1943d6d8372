// SelectPoller: "a user's own poller", on select(2). Four functions, and all of TCP works on it;
// the behavioural suite runs on it as on the built-in ones.
#pragma once

#include <tern/poller/Poller.h>

#include <map>
#include <vector>

namespace tern::testing {

/// Watches fds below FD_SETSIZE. select() has no word for hang-ups and errors: a channel that waits
/// for neither reading nor writing is told of nothing.
class SelectPoller final : public Poller {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "select"; }
  int poll(Duration timeout) override;
  void update(Channel& channel) override;
  void remove(Channel& channel) override;

 private:
  struct Ready {
    SlotId channel;
    EventMask events;
  };

  void wait(Duration timeout);

  // By fd, and by the channel's id rather than its address: who owns the fd may have changed
  // between select() and dispatch(), which drops an event whose channel is gone.
  std::map<int, SlotId> channels_;
  std::vector<Ready> ready_;
  std::size_t next_ = 0;  // the first of ready_ that has not been dispatched
};

}  // namespace tern::testing
