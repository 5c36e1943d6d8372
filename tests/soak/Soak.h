// Soak: one poller under a mixed load, in periods that each have a server of their own.
#pragma once

#include <tern/base/Clock.h>
#include <tern/net/EventLoopThread.h>
#include <tern/net/SocketAddress.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/PollerSpec.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "Crowd.h"
#include "Fleet.h"
#include "Footprint.h"
#include "Service.h"
#include "Tally.h"
#include "unit/Randomness.h"

namespace tern::soak {

/// Lowest, highest and last of the samples taken during the run.
struct Trend {
  std::size_t lowest = 0;
  std::size_t highest = 0;
  std::size_t last = 0;

  void note(std::size_t value) {
    lowest = lowest == 0 ? value : std::min(lowest, value);
    highest = std::max(highest, value);
    last = value;
  }
};

/// The state of rest, as the process was before or after the load.
struct Rest {
  Footprint serving;  ///< with a server that has no connections
  Footprint without;  ///< with no server: what its threads hold is gone
};

struct Outcome {
  double seconds = 0;
  std::optional<Rest> before;
  std::optional<Rest> after;
  Trend resident;
  Trend descriptors;
  std::vector<std::string> drift;
};

/// Run on one thread.
class Soak {
 public:
  /// Throws std::system_error when the poller is not to be had.
  Soak(const PollerSpec& spec, bool isUring, std::uint32_t seed, Tally& tally);
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;
  ~Soak();

  /// For so long, or until `stop` becomes true; the outcome is then that of the time that it had.
  void run(Duration length, const std::atomic<bool>& stop, Outcome& outcome);

 private:
  void startServer(TcpServer::Option option = TcpServer::Option::kNoReusePort,
                   const std::function<void()>& beforeItListens = {});
  void startServerInShortage();
  void stopServer();
  void shake(Timestamp until, bool shortages, const std::atomic<bool>& stop, Outcome& outcome);
  void sample(Outcome& outcome);
  Rest rest(Outcome& outcome);
  void awaitQuiet(int sockets, Outcome& outcome);
  static void compare(Outcome& outcome, bool warm);

  Tally& tally_;
  const bool isUring_;
  testing::Randomness random_;
  EventLoopThread serverThread_;
  EventLoopThread clientThread_;
  EventLoop& serverLoop_;
  EventLoop& clientLoop_;
  UniqueFd portHolder_;
  const SocketAddress address_;
  Service service_;
  std::unique_ptr<TcpServer> server_;  // made and destroyed on its loop
  Fleet fleet_;
  Crowd crowd_;
  std::uint64_t periods_ = 0;
  Timestamp nextSample_;
};

}  // namespace tern::soak
