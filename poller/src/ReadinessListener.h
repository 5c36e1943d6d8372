// ReadinessListener: the default Listener, built on Channel; it works on every poller.
#pragma once

#include "tern/poller/Listener.h"
#include "tern/poller/Poller.h"

namespace tern {

class ReadinessListener final : public Listener, private ChannelHandler {
 public:
  ReadinessListener(Poller& poller, UniqueFd fd, ListenerHandler& handler);
  ~ReadinessListener() override;

  void pause() override { channel_.disableAll(); }
  void resume() override { channel_.enableReading(); }
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

 private:
  void onEvents(EventMask events) override;

  UniqueFd fd_;
  Channel channel_;  // after fd_: it stops watching before the fd closes
  ListenerHandler& handler_;
};

}  // namespace tern
