// BlackHole: an address where nobody answers, neither yes nor no.
#pragma once

#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>

#include <vector>

#include "Peers.h"

namespace tern::testing {

/// A listener whose queue is full: the kernel drops further attempts in silence.
class BlackHole {
 public:
  BlackHole();

  [[nodiscard]] const SocketAddress& address() const { return listener_.address(); }
  /// From now on attempts are answered, by the listener that it was made of.
  PeerListener& open();

 private:
  PeerListener listener_;
  std::vector<UniqueFd> others_;
};

}  // namespace tern::testing
