// Stranger: a client on a plain socket, as well or badly behaved as its plan says.
#pragma once

#include <tern/base/Clock.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/SocketAddress.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "Conversation.h"
#include "Tally.h"

namespace tern::soak {

/// What a stranger asks for is in its conversation, made beforehand.
struct Plan {
  enum class Ending : std::uint8_t {
    kClose,      ///< once all is answered
    kHalfClose,  ///< FIN once all is sent; then it hears the answers
    kAwait,      ///< the server ends it, once all is answered
    kAwaitLost,  ///< the same, and replies may be missing
    kVanish,     ///< at once
  };

  const char* name = "";
  Ending ending = Ending::kClose;
  int receiveBuffer = 0;  ///< of the kernel; 0: as it comes
  std::size_t sendAtOnce = std::size_t{64} * 1024;
  std::size_t receiveAtOnce = std::size_t{64} * 1024;
  Duration pause = Duration::zero();  ///< after each receive
  /// Closes with RST after so many bytes in both directions.
  std::size_t resetAfter = std::numeric_limits<std::size_t>::max();
  std::string garbage;  ///< sent after the requests
};

/// One thread, which polls for it.
class Stranger {
 public:
  Stranger(Plan plan, Conversation conversation, Tally& tally);

  /// Begins to connect; false when there is nothing to wait for.
  bool begin(const SocketAddress& server);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// What to poll for.
  [[nodiscard]] short wanted(Timestamp now) const;
  /// What poll() found; false once it has come to its end.
  bool step(short found, Timestamp now);

 private:
  using Ending = Plan::Ending;

  bool connected();
  bool send();
  bool receive(Timestamp now);
  bool progress();
  bool reset();
  bool ended(int error);
  [[nodiscard]] bool hasToSend() const;
  [[nodiscard]] bool lossesAreFine() const;
  void fail(const std::string& what);

  const Plan plan_;
  Conversation conversation_;
  Tally& tally_;
  UniqueFd fd_;
  const std::uint64_t mark_;
  Timestamp deadline_;
  Timestamp notBefore_;
  std::size_t moved_ = 0;
  std::size_t garbageSent_ = 0;
  bool connecting_ = true;
  bool finSent_ = false;
};

}  // namespace tern::soak
