// LoopQuitRaces: quit() by several threads while loop() is entered, left, and entered again: none
// is lost.
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/Sanitizers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

constexpr int kThreads = 3;
constexpr int kQuitsInARound = 10;
constexpr int kRounds = kSanitized ? 400 : 3'400;  // a hundred thousand quits

// Threads that call quit(), each so many times in a round, and then wait for the next.
class Quitters {
 public:
  explicit Quitters(EventLoop& loop) {
    for (int i = 0; i < kThreads; ++i) {
      threads_.emplace_back([this, &loop] { quitInRounds(loop); });
    }
  }
  Quitters(const Quitters&) = delete;
  Quitters& operator=(const Quitters&) = delete;
  ~Quitters() {
    startRound(kRounds);
    for (std::thread& thread : threads_) thread.join();
  }

  void startRound(int round) {
    round_ = round;
    round_.notify_all();
  }
  // While this holds, a quit() is to come that has not begun yet.
  [[nodiscard]] bool moreToCome(int round) const {
    return begun_ < round * kThreads * kQuitsInARound;
  }

 private:
  void quitInRounds(EventLoop& loop) {
    for (int round = 1; round <= kRounds; ++round) {
      for (int now = round_; now < round; now = round_) round_.wait(now);
      for (int i = 0; i < kQuitsInARound; ++i) {
        ++begun_;
        loop.quit();
      }
    }
  }

  std::atomic<int> round_{0};
  std::atomic<int> begun_{0};
  std::vector<std::thread> threads_;
};

class LoopQuitRaces : public OnEachPoller {};

// A loop() that is entered before the last quit() of a round has begun must be ended by it: were it
// lost, there would be no other.
TEST_P(LoopQuitRaces, TheLastOfManyQuitsEndsTheLoopWhereverItIs) {
  EventLoop loop(GetParam().spec);
  bool hung = false;
  loop.runAfter(kPatience, [&] {
    hung = true;
    loop.quit();
  });
  int loops = 0;
  {
    Quitters quitters(loop);
    for (int round = 1; round <= kRounds && !hung; ++round) {
      quitters.startRound(round);
      while (quitters.moreToCome(round) && !hung) {
        loop.loop();
        ++loops;
      }
    }
  }
  EXPECT_FALSE(hung) << "nobody ended loop()";
  EXPECT_LE(loops, kRounds * kThreads * kQuitsInARound);
}

TERN_ON_EACH_POLLER(LoopQuitRaces);

}  // namespace
}  // namespace tern::testing
