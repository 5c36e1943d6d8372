// Crowd: the strangers of all sorts that come to the soak's server, from a thread of their own.
#pragma once

#include <poll.h>
#include <tern/base/Clock.h>
#include <tern/net/SocketAddress.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "Stranger.h"
#include "Tally.h"
#include "unit/Randomness.h"

namespace tern::soak {

/// Used by one thread.
class Crowd {
 public:
  Crowd(const SocketAddress& server, Tally& tally, std::uint32_t seed);
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd();

  void go() { coming_ = true; }
  /// Nobody comes any more; waits until the last has gone. Throws when that takes for ever.
  void rest();

 private:
  void run();
  void turn();
  void admit(Timestamp now);
  void add();
  void storm();
  std::unique_ptr<Stranger> someone();
  void askMixed(Conversation& conversation, std::size_t count);
  std::uint32_t someOffset();
  std::uint32_t upTo(std::uint32_t most) { return static_cast<std::uint32_t>(random_.upTo(most)); }

  const SocketAddress server_;
  Tally& tally_;
  testing::Randomness random_;
  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::vector<pollfd> fds_;
  Timestamp nextAt_;
  std::atomic<bool> coming_{false};
  std::atomic<std::size_t> present_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace tern::soak
