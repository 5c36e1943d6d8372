// Requests and answers over connections that stay open: closed loop, open loop, or a steady stream.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "Connection.h"
#include "Run.h"
#include "Schedule.h"

namespace tern::load {

class EchoRun : public Run {
 public:
  // The connections must be open, with one batch answered, and watched under their index.
  EchoRun(Session& session, std::vector<Connection>& connections, Result& result);

 private:
  // What allows a connection its next batch.
  enum class Pace {
    closedLoop,  // the answer to the one before
    openLoop,    // the timetable
    stream,      // an answer, of which several may be out
  };

  void begin(TimePoint at) override;
  void onEvent(std::uint32_t id, std::uint32_t events) override;
  void onTurn(TimePoint at) override;
  TimePoint nextDeed() const override;
  void dropStalled(TimePoint at) override;
  void giveUp(TimePoint at) override;
  bool anyoneLeft() const override { return alive_ != 0; }
  bool anythingUnanswered() const override { return batchesUnanswered_ != 0; }
  Tally tally() const override { return total(connections_); }

  void onCompleted(std::uint32_t id, const Completed& completed, TimePoint at);
  TimePoint startOf(std::uint32_t id, std::uint64_t batch) const;
  void sendOnTime(std::uint32_t id, TimePoint intended);
  void allow(Connection& connection, TimePoint at);
  void drop(Connection& connection, const ConnectionError& error);

  std::vector<Connection>& connections_;
  const Pace pace_;
  std::optional<Schedule> schedule_;
  std::size_t alive_;
  std::uint64_t batchesUnanswered_ = 0;
};

}  // namespace tern::load
