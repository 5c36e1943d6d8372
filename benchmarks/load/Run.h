// The course of a measured run: warm-up, the window, and the wait for the last answers.
#pragma once

#include <cstdint>

#include "Clock.h"
#include "Result.h"
#include "Session.h"
#include "Window.h"

namespace tern::load {

// A kind of work derives from it and says how traffic starts and what an event means; Run says when
// each phase ends.
class Run {
 public:
  Run(Session& session, Result& result);  // both must outlive the run
  virtual ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Ends early at Ctrl-C, or when no connection is left. Throws std::system_error when epoll fails.
  void execute();

 protected:
  virtual void begin(TimePoint at) = 0;
  virtual void onEvent(std::uint32_t tag, std::uint32_t events) = 0;
  // Once a turn, after its events.
  virtual void onTurn(TimePoint) {}
  // When the loop must be awake next, apart from events.
  virtual TimePoint nextDeed() const { return TimePoint::max(); }
  // Gives up connections that have waited for longer than the timeout.
  virtual void dropStalled(TimePoint at) = 0;
  // The wait for the last answers is over, and some are still out.
  virtual void giveUp(TimePoint) {}

  virtual bool anyoneLeft() const = 0;
  virtual bool anythingUnanswered() const = 0;
  virtual Tally tally() const = 0;

  // Whether new batches may start: no more once the window has closed.
  bool isStarting() const { return phase_ < Phase::draining; }

  Session& session_;
  Result& result_;

 private:
  enum class Phase { warmup, measuring, draining, over };

  void advance(TimePoint at);
  void openWindow();
  void closeWindow(TimePoint at);

  Window window_;
  Phase phase_ = Phase::warmup;
  TimePoint phaseEnd_;
  TimePoint nextSweep_;
};

}  // namespace tern::load
