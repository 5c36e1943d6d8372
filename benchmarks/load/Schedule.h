// The timetable of an open loop: when each batch is meant to leave, whatever the server does.
#pragma once

#include <cstdint>

#include "Clock.h"

namespace tern::load {

// Batches leave at equal intervals, from the connections in turn. Nothing is stored: the intended
// time of any batch follows from its number, so a backlog of any length costs no memory.
class Schedule {
 public:
  Schedule(TimePoint start, double messagesPerSecond, std::uint32_t messagesPerBatch,
           std::uint32_t connections)
      : start_(start),
        interval_(1e9 * messagesPerBatch / messagesPerSecond),
        connections_(connections) {}

  TimePoint intended(std::uint32_t connection, std::uint64_t batchOfConnection) const {
    return at(batchOfConnection * connections_ + connection);
  }

  TimePoint next() const { return at(tick_); }
  // The connection whose turn it is at next(); moves next() on.
  std::uint32_t take() { return static_cast<std::uint32_t>(tick_++ % connections_); }

 private:
  TimePoint at(std::uint64_t tick) const {
    return start_ + Duration{static_cast<std::int64_t>(static_cast<double>(tick) * interval_)};
  }

  TimePoint start_;
  double interval_;  // nanoseconds; a double keeps its fraction over any run
  std::uint64_t connections_;
  std::uint64_t tick_ = 0;
};

}  // namespace tern::load
