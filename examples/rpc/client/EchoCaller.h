// EchoCaller: keeps a number of Echo calls in flight, and verifies their replies.
#pragma once

#include <tern/net/EventLoop.h>
#include <tern/rpc/Channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "example.pb.h"

struct CallPlan {
  std::uint64_t calls = 100'000;
  std::size_t inFlight = 64;
  std::size_t size = 64;         ///< bytes of each payload
  std::uint64_t timeout = 5000;  ///< milliseconds a call may take
};

struct CallResult {
  std::uint64_t answered = 0;  ///< with what was sent
  std::uint64_t wrong = 0;     ///< with something else
  std::uint64_t failed = 0;
  std::string firstFailure;
};

/// Belongs to the loop's thread, and ends the loop when all calls have ended.
class EchoCaller {
 public:
  EchoCaller(tern::EventLoop& loop, tern::rpc::Channel& channel, const CallPlan& plan);
  EchoCaller(const EchoCaller&) = delete;
  EchoCaller& operator=(const EchoCaller&) = delete;
  ~EchoCaller();

  /// Makes the first calls. Each that ends makes the next.
  void start();
  [[nodiscard]] const CallResult& result() const noexcept { return result_; }

 private:
  class Slot;

  void next(Slot& slot);
  void ended(Slot& slot);

  tern::EventLoop& loop_;
  const CallPlan plan_;
  tern::example::Example::Stub stub_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::uint64_t made_ = 0;
  std::uint64_t over_ = 0;
  CallResult result_;
};
