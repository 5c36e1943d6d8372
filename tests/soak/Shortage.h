// Shortage: for a moment the process can open no descriptors, while clients come.
#pragma once

#include <tern/net/SocketAddress.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "Tally.h"
#include "unit/Randomness.h"

namespace tern::soak {

/// A disturbance from its making on, until pass() returns.
class Shortage {
 public:
  Shortage(Tally& tally, testing::Randomness& random);
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;
  ~Shortage();

  /// From now on hardly a descriptor is to be had. Any thread.
  void begin();
  /// Clients come, for a moment; then the shortage ends. Returns when each of them was served or
  /// turned away and the server serves again; throws when that takes for ever.
  void pass(const SocketAddress& server);

 private:
  class Limit;
  class Client;

  bool fatesKnown();
  static void awaitService(const SocketAddress& server);

  Tally& tally_;
  const std::size_t room_;
  std::vector<Client> clients_;
  std::unique_ptr<Limit> limit_;
};

}  // namespace tern::soak
