// Connections a second: each connects, makes one round trip and is reset, a bounded number at once.
#pragma once

#include <cstdint>
#include <vector>

#include "Connection.h"
#include "Run.h"

namespace tern::load {

// A reset leaves no port in TIME_WAIT on either side, so a run of any length needs only as many
// ports as are in flight.
class AcceptRun : public Run {
 public:
  AcceptRun(Session& session, Result& result);

 private:
  void begin(TimePoint at) override;
  void onEvent(std::uint32_t slot, std::uint32_t events) override;
  void onTurn(TimePoint at) override;
  TimePoint nextDeed() const override;
  void dropStalled(TimePoint at) override;
  bool anyoneLeft() const override { return inFlight_ + portless_.size() != 0; }
  bool anythingUnanswered() const override { return inFlight_ != 0; }
  Tally tally() const override { return tally_; }

  void open(std::uint32_t slot);
  void onAnswered(std::uint32_t slot);
  void fail(std::uint32_t slot, const ConnectionError& error);

  std::vector<Connection> slots_;
  std::uint32_t inFlight_ = 0;
  std::uint32_t nextId_ = 0;
  Tally tally_;

  // Slots that wait for a local port, and when there last was one.
  std::vector<std::uint32_t> portless_;
  TimePoint lastOpened_;
};

}  // namespace tern::load
