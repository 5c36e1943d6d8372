// TaskQueue: a locked vector, and a wake-up that is only sent to a loop that sleeps.
#include "TaskQueue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "LoopWatch.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

// So that the few that matter most, as the end of a server, seldom find that there is no memory.
constexpr std::size_t kRoom = 64;

}  // namespace

TaskQueue::TaskQueue(EventLoop& loop)
    : loop_(loop), wakeFd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!wakeFd_) throwSystemError(errno, "eventfd() for waking the loop");
  tasks_.reserve(kRoom);
  batch_.reserve(kRoom);
}

bool TaskQueue::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    tasks_.push_back(std::move(task));
    waiting_.fetch_add(1, std::memory_order_relaxed);
    posted_.store(true, std::memory_order_seq_cst);
  }
  // On its own thread the loop looks here before it waits.
  if (!isLoopThread()) wakeIfSleeping();
  return true;
}

void TaskQueue::wake() {
  woken_.store(true, std::memory_order_seq_cst);
  if (!isLoopThread()) wakeIfSleeping();
}

// Either this sees kSleeping, or prepareToSleep() sees posted_ or woken_: these stores and loads
// are sequentially consistent.
void TaskQueue::wakeIfSleeping() {
  State expected = State::kSleeping;
  if (state_.load(std::memory_order_seq_cst) != State::kSleeping ||
      !state_.compare_exchange_strong(expected, State::kWoken)) {
    return;
  }
  const std::uint64_t one = 1;
  // It can't fail: the counter is far from full, and a full one would be readable as well.
  [[maybe_unused]] const ssize_t written = ::write(wakeFd_.get(), &one, sizeof one);
}

bool TaskQueue::prepareToSleep() noexcept {
  state_.store(State::kSleeping, std::memory_order_seq_cst);
  if (!posted_.load(std::memory_order_seq_cst) && !woken_.load(std::memory_order_seq_cst)) {
    return true;
  }
  awake();
  return false;
}

void TaskQueue::drainWakeFd() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wakeFd_.get(), &count, sizeof count);
}

bool TaskQueue::takePosted() {
  if (!posted_.load(std::memory_order_relaxed)) return false;
  batch_.clear();
  next_ = 0;
  const std::lock_guard lock(mutex_);
  batch_.swap(tasks_);
  posted_.store(false, std::memory_order_relaxed);
  return !batch_.empty();
}

void TaskQueue::run(std::size_t limit) {
  // Taken at most once: tasks that these post wait for the next call.
  bool taken = false;
  for (; limit > 0; --limit) {
    if (next_ == batch_.size()) {
      if (std::exchange(taken, true) || !takePosted()) return;
    }
    // Out of the vector first: the task may throw, and then it is done nevertheless.
    const Task task = std::move(batch_[next_++]);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    ++ran_;
    LoopWatch::run(LoopWatch::functor, task);
  }
}

void TaskQueue::close() {
  std::vector<Task> dropped;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(tasks_);
  }
  // Outside the lock: what a task holds may post again when it is destroyed.
  dropped.clear();
  batch_.clear();
  next_ = 0;
}

}  // namespace tern
