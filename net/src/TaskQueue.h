// TaskQueue: the one door into a loop for other threads. It outlives the loop for whoever still
// holds it, and refuses once the loop is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "tern/base/Counter.h"
#include "tern/base/ThreadCheck.h"
#include "tern/base/UniqueFd.h"

namespace tern {

class EventLoop;

/// Made on the loop's thread. What comes before "the loop's side" is safe from any thread.
class TaskQueue {
 public:
  using Task = std::function<void()>;

  /// Throws std::system_error when no eventfd is to be had.
  explicit TaskQueue(EventLoop& loop);

  /// Only while the loop is there.
  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }

  /// Queues the task, in order; false, and the task is destroyed, once the loop is gone. Many
  /// posts cost one wake-up.
  bool post(Task task);
  /// Makes the current or the next wait return at once.
  void wake();
  [[nodiscard]] bool isLoopThread() const noexcept { return thread_.isOwner(); }
  [[nodiscard]] const ThreadCheck& thread() const noexcept { return thread_; }
  /// Tasks posted that have not begun to run.
  [[nodiscard]] std::size_t size() const noexcept {
    return waiting_.load(std::memory_order_relaxed);
  }
  /// Tasks that have begun to run. Any thread.
  [[nodiscard]] std::uint64_t ran() const noexcept { return ran_.value(); }

  // --- the loop's side ---

  /// Readable after a wake-up that met a sleeping loop.
  [[nodiscard]] int wakeFd() const noexcept { return wakeFd_.get(); }
  void drainWakeFd() noexcept;

  /// Announces that the loop will wait; false when it must not, because there is work.
  bool prepareToSleep() noexcept;
  /// The wait is over, and so is what wake() asked for. What the caller of wake() has stored before
  /// is seen from here on; a later wake() is not undone.
  void awake() noexcept {
    state_.store(State::kAwake, std::memory_order_relaxed);
    if (woken_.load(std::memory_order_relaxed)) woken_.exchange(false, std::memory_order_seq_cst);
  }

  /// More than this in a turn would keep the loop from its connections.
  static constexpr std::size_t kPerTurn = 1024;
  static constexpr std::size_t kAll = static_cast<std::size_t>(-1);

  /// Runs at most `limit` of the tasks that were queued before the call. An exception leaves the
  /// rest, in order, for the next call.
  void run(std::size_t limit);
  [[nodiscard]] bool hasWork() const noexcept {
    return next_ < batch_.size() || posted_.load(std::memory_order_relaxed);
  }

  /// A sleeping loop would have been woken.
  [[nodiscard]] bool wanted() const noexcept {
    return hasWork() || woken_.load(std::memory_order_relaxed);
  }

  /// Refuses further tasks and destroys those queued.
  void close();

 private:
  enum class State : unsigned char { kAwake, kSleeping, kWoken };

  void wakeIfSleeping();
  bool takePosted();

  EventLoop& loop_;
  const ThreadCheck thread_;
  UniqueFd wakeFd_;
  std::atomic<State> state_{State::kAwake};
  std::atomic<bool> posted_{false};  // tasks_ is not empty; stored under mutex_
  std::atomic<bool> woken_{false};   // by wake(), which posts nothing
  std::atomic<std::size_t> waiting_{0};

  std::mutex mutex_;
  std::vector<Task> tasks_;  // guarded by mutex_
  bool closed_ = false;      // guarded by mutex_

  std::vector<Task> batch_;  // being run
  std::size_t next_ = 0;     // the first of batch_ that has not been run
  Counter ran_;
};

}  // namespace tern
