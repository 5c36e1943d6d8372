// A broadcast: the first connection speaks, and the server passes each message on to all.
#pragma once

#include <cstdint>
#include <vector>

#include "Connection.h"
#include "Run.h"

namespace tern::load {

// A message is over when everyone has heard it, the speaker included; the next one is said then, so
// that `depth` of them are under way. Each hearing of it is a delivery, with a latency of its own.
class BroadcastRun : public Run {
 public:
  // The connections must be open, have heard the same, and be watched under their index.
  BroadcastRun(Session& session, std::vector<Connection>& connections, Result& result);

 private:
  struct Message {
    TimePoint said;
    std::uint32_t unheard = 0;  // by how many
  };

  void begin(TimePoint at) override;
  void onEvent(std::uint32_t id, std::uint32_t events) override;
  void dropStalled(TimePoint at) override;
  void giveUp(TimePoint at) override;
  bool anyoneLeft() const override { return speaker().isOpen(); }
  bool anythingUnanswered() const override { return speaker().isOpen() && underWay_ != 0; }
  Tally tally() const override { return total(connections_); }

  Connection& speaker() { return connections_.front(); }
  const Connection& speaker() const { return connections_.front(); }
  Message& message(std::uint64_t number) { return messages_[number % messages_.size()]; }

  void say(TimePoint at);
  void heard(std::uint64_t number, TimePoint at);
  void flushSpeaker();
  void drop(Connection& connection, const ConnectionError& error);

  std::vector<Connection>& connections_;
  std::vector<Message> messages_;  // those under way, by number
  std::uint32_t alive_;
  std::uint32_t underWay_ = 0;
};

}  // namespace tern::load
