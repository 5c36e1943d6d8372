// LoopRun: the net is a timer.
#include "support/LoopRun.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

class ScopedTimer {
 public:
  ScopedTimer(EventLoop& loop, TimerId id) : loop_(loop), id_(id) {}
  ScopedTimer(const ScopedTimer&) = delete;
  ScopedTimer& operator=(const ScopedTimer&) = delete;
  ~ScopedTimer() { loop_.cancel(id_); }

 private:
  EventLoop& loop_;
  TimerId id_;
};

}  // namespace

void run(EventLoop& loop) {
  const ScopedTimer net(loop, loop.runAfter(kPatience, [&loop] {
    ADD_FAILURE() << "nobody ended loop()";
    loop.quit();
  }));
  loop.loop();
}

void runUntil(EventLoop& loop, const std::function<bool()>& condition) {
  if (condition()) return;
  const ScopedTimer question(loop, loop.runEvery(std::chrono::milliseconds(1), [&] {
    if (condition()) loop.quit();
  }));
  run(loop);
}

void runTurns(EventLoop& loop, int turns) {
  const std::function<void()> turn = [&] {
    if (--turns > 0) {
      loop.queueInLoop([&turn] { turn(); });
    } else {
      loop.quit();
    }
  };
  loop.queueInLoop([&turn] { turn(); });
  loop.loop();
}

}  // namespace tern::testing
