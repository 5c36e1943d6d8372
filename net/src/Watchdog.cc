// Watchdog: a list, a condition, and a thread that outlives neither fork() nor the last watch.
#include "Watchdog.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "LoopWatch.h"
#include "tern/base/Clock.h"
#include "tern/base/Logging.h"

namespace tern {
namespace {

using Watches = std::vector<std::shared_ptr<LoopWatch>>;

// Of one thread: the next one has another.
struct Run {
  std::condition_variable changed;
  Watches watches;
  bool news = false;
  bool ending = false;
  std::thread thread;
};

// Guards all runs and, for the time of a fork(), what the thread looks at. The runs are never
// freed, so that no static destructor meets a thread that still looks.
constinit std::mutex gMutex;
constinit Run* gRun = nullptr;  // the current one

constexpr Duration kLongestSleep = std::chrono::hours(1);
constexpr Duration kShortOfMemory = std::chrono::seconds(1);

struct Line {
  std::shared_ptr<LoopWatch> watch;
  std::string text;
};

std::vector<Line> linesOf(const Watches& watches, Timestamp& next) {
  std::vector<Line> lines;
  const Timestamp now = Clock::now();
  for (const auto& watch : watches) {
    if (auto text = watch->check(now, next)) lines.push_back({watch, std::move(*text)});
  }
  return lines;
}

// Without the lock: the log's hook may take its time.
void tell(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    log(LogLevel::kWarn, line.text);
    std::optional<std::string> behind;
    {
      const std::lock_guard lock(gMutex);
      behind = line.watch->told();
    }
    if (behind) log(LogLevel::kWarn, *behind);
  }
}

void look(Run& run) {
  ::pthread_setname_np(::pthread_self(), "tern-watchdog");
  std::unique_lock lock(gMutex);
  while (!run.ending) {
    run.news = false;
    Timestamp next = Clock::now() + kLongestSleep;
    std::vector<Line> lines;
    try {
      lines = linesOf(run.watches, next);
    } catch (const std::bad_alloc&) {
      next = Clock::now() + kShortOfMemory;
    }
    if (lines.empty()) {
      run.changed.wait_until(lock, next, [&run] { return run.ending || run.news; });
      continue;
    }
    lock.unlock();
    tell(lines);
    lock.lock();
  }
}

// A thread takes over the signal mask of the one that makes it; none is this one's business.
std::thread startLooking(Run& run) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread([&run] { look(run); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

void heedForks() {
  static std::once_flag once;
  std::call_once(once, [] {
    // In the child the thread is not there, and what it waits on is in no state to be used.
    ::pthread_atfork([] { gMutex.lock(); }, [] { gMutex.unlock(); },
                     [] {
                       gRun = nullptr;
                       gMutex.unlock();
                     });
  });
}

}  // namespace

void Watchdog::add(const std::shared_ptr<LoopWatch>& watch) {
  heedForks();
  const std::lock_guard lock(gMutex);
  if (gRun == nullptr) {
    auto run = std::make_unique<Run>();
    run->watches.push_back(watch);
    run->thread = startLooking(*run);
    gRun = run.release();
    return;
  }
  Watches& watches = gRun->watches;
  if (std::find(watches.begin(), watches.end(), watch) == watches.end()) watches.push_back(watch);
  gRun->news = true;
  gRun->changed.notify_all();
}

void Watchdog::remove(const LoopWatch& watch) noexcept {
  std::unique_ptr<Run> last;
  {
    const std::lock_guard lock(gMutex);
    if (gRun == nullptr) return;
    std::erase_if(gRun->watches, [&watch](const auto& each) { return each.get() == &watch; });
    if (!gRun->watches.empty()) return;
    gRun->ending = true;
    gRun->changed.notify_all();
    last.reset(std::exchange(gRun, nullptr));
  }
  last->thread.join();
}

}  // namespace tern
