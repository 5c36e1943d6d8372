// Ctrl-C (SIGINT) and SIGTERM as events of a descriptor, so that they end a measurement between two
// batches of events.
#pragma once

#include <csignal>

#include "UniqueFd.h"

namespace tern::load {

// While one exists, both signals are blocked in the thread that made it, and in the threads that
// this one starts.
class Interrupt {
 public:
  Interrupt();  // throws std::system_error
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  int fd() const { return fd_.get(); }  // readable when a signal waits
  void take();                          // counts the signals that wait
  int count() const { return count_; }

 private:
  UniqueFd fd_;
  sigset_t previous_{};
  int count_ = 0;
};

}  // namespace tern::load
