// LoopWatch: the slot between a loop and the watchdog.
#include "LoopWatch.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include "tern/base/Logging.h"

namespace tern {
namespace {

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

std::string nameOfThisThread() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return std::string(name.data()) + " (thread " + std::to_string(::syscall(SYS_gettid)) + ")";
}

}  // namespace

void LoopWatch::enable(Duration bound) {
  std::string thread = nameOfThisThread();
  {
    const std::lock_guard lock(mutex_);
    thread_ = std::move(thread);
    bound_ = bound;
  }
  longest_.store(0, std::memory_order_relaxed);
  current_ = this;
}

void LoopWatch::disable() noexcept {
  current_ = nullptr;
  longest_.store(0, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  bound_ = kForever;
}

// What has been told of runs until it ends, whatever it calls: its end shall be told as well.
std::optional<LoopWatch::Subject> LoopWatch::begin(const Subject& subject) noexcept {
  const Timestamp now = Clock::now();
  const std::lock_guard lock(mutex_);
  std::optional<Subject> before = running_;
  if (report_ != Report::kNone) {
    ++ignored_;
    return before;
  }
  running_ = subject;
  since_ = now;
  return before;
}

void LoopWatch::end(const std::optional<Subject>& before) noexcept {
  const Timestamp now = Clock::now();
  std::optional<std::string> line;
  try {
    const std::lock_guard lock(mutex_);
    if (ignored_ > 0) {
      --ignored_;
      return;
    }
    const Duration took = now - since_;
    const std::optional<Subject> subject = std::exchange(running_, before);
    since_ = now;
    // Not when the callback itself has turned the watchdog off.
    if (current_ == this && took > longest()) {
      longest_.store(took.count(), std::memory_order_relaxed);
    }
    const Report report = std::exchange(report_, Report::kNone);
    if (report == Report::kNone || !subject) return;
    std::string text = ending(*subject, took);
    // The lines come in order, whoever is faster.
    (report == Report::kTold ? line : ended_) = std::move(text);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory for the line
  }
  if (line) log(LogLevel::kWarn, *line);
}

std::optional<std::string> LoopWatch::check(Timestamp now, Timestamp& next) {
  const std::lock_guard lock(mutex_);
  if (!running_ || report_ != Report::kNone) {
    // Whatever begins from now on is not late before then.
    next = std::min(next, addSaturated(now, bound_));
    return std::nullopt;
  }
  const Timestamp due = addSaturated(since_, bound_);
  if (due > now) {
    next = std::min(next, due);
    return std::nullopt;
  }
  std::string line = describe(*running_) + " has been running for " + milliseconds(now - since_) +
                     "; until it returns, the loop does nothing else";
  report_ = Report::kBeingTold;
  next = std::min(next, addSaturated(now, bound_));
  return line;
}

std::optional<std::string> LoopWatch::told() {
  const std::lock_guard lock(mutex_);
  if (ended_) return std::exchange(ended_, std::nullopt);
  if (report_ == Report::kBeingTold) report_ = Report::kTold;
  return std::nullopt;
}

std::string LoopWatch::describe(const Subject& subject) const {
  std::string text = "loop of " + thread_ + ": ";
  if (subject.owner != nullptr) {
    return text + "a callback of " + *subject.owner + '#' + std::to_string(subject.id) + ' ' +
           subject.peer.expand().toString();
  }
  text += subject.kind;
  if (subject.fd >= 0) text += " (fd " + std::to_string(subject.fd) + ")";
  return text;
}

std::string LoopWatch::ending(const Subject& subject, Duration took) const {
  return describe(subject) + " took " + milliseconds(took);
}

}  // namespace tern
