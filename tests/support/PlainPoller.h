// PlainPoller: the smallest poller, on poll(2), for tests that need one to put something between
// the kernel and the loop.
#pragma once

#include <tern/poller/Poller.h>

#include <map>

namespace tern::testing {

class PlainPoller : public Poller {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "plain"; }
  int poll(Duration timeout) override;
  void update(Channel& channel) override { watched_[channel.fd()] = channel.id(); }
  void remove(Channel& channel) override { watched_.erase(channel.fd()); }

 private:
  std::map<int, SlotId> watched_;
};

}  // namespace tern::testing
