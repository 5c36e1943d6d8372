// Fleet: the soak's TcpClients, on one loop.
#pragma once

#include <tern/net/SocketAddress.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "Caller.h"
#include "Tally.h"
#include "unit/Randomness.h"

namespace tern {
class EventLoop;
}

namespace tern::soak {

/// Used by one thread, which is not the loop's.
class Fleet {
 public:
  Fleet(EventLoop& loop, const SocketAddress& server, std::size_t size, Tally& tally,
        testing::Randomness& random);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  void go();
  /// Waits until none is connected; throws when that takes for ever.
  void rest();
  /// Destroys one of them on this thread, whatever it is about, and makes another.
  void replaceOne();

 private:
  std::unique_ptr<Caller> make();
  void remove(std::unique_ptr<Caller>& caller);

  EventLoop& loop_;
  const SocketAddress server_;
  Tally& tally_;
  testing::Randomness& random_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace tern::soak
