// EPollPoller: the backend on epoll(7), level-triggered. The default.
#pragma once

#include <sys/epoll.h>

#include <vector>

#include "tern/poller/Poller.h"

namespace tern {

class EPollPoller final : public Poller {
 public:
  /// Throws std::system_error when the kernel gives no epoll instance.
  EPollPoller();

  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
  int poll(Duration timeout) override;
  void update(Channel& channel) override;
  void remove(Channel& channel) override;

 private:
  void wait(Duration timeout);
  void grow();

  UniqueFd epoll_;
  std::vector<epoll_event> events_;
  // Those of events_ that were not dispatched: an exception out of one must not let it come first
  // again and again, and keep the others from theirs.
  std::size_t next_ = 0;
  std::size_t ready_ = 0;
  std::vector<bool> added_;  // by the channel's slot index: whether the kernel knows it
};

}  // namespace tern
