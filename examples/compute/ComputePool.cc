// ComputePool: a queue of sessions, and threads that take one job from the session at its front.
#include "ComputePool.h"

#include <Sudoku.h>

#include <string>
#include <utility>

namespace tern::compute {
namespace {

std::string answerTo(const ComputeSession::Job& job) {
  const sudoku::Result result = sudoku::solve(job.puzzle);
  switch (result.outcome) {
    case sudoku::Outcome::kSolved:
      return job.id + ':' + result.solution;
    case sudoku::Outcome::kNoSolution:
      return job.id + ":NoSolution";
    case sudoku::Outcome::kTooHard:
      return job.id + ":TooHard";
    case sudoku::Outcome::kBadPuzzle:
      break;
  }
  return job.id + ":BadPuzzle";
}

}  // namespace

ComputePool::~ComputePool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ComputePool::start(std::size_t threads) {
  threads_.reserve(threads);
  while (threads_.size() < threads) threads_.emplace_back([this] { run(); });
}

void ComputePool::schedule(std::shared_ptr<ComputeSession> session) {
  {
    const std::lock_guard lock(mutex_);
    sessions_.push_back(std::move(session));
  }
  changed_.notify_one();
}

std::shared_ptr<ComputeSession> ComputePool::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !sessions_.empty(); });
  if (stopping_) return nullptr;
  std::shared_ptr<ComputeSession> session = std::move(sessions_.front());
  sessions_.pop_front();
  return session;
}

void ComputePool::run() {
  while (const std::shared_ptr<ComputeSession> session = next()) {
    const ComputeSession::Taken taken = session->take();
    // Before the job is done, so that other threads can do the session's next ones.
    if (taken.more) schedule(session);
    if (taken.job) session->answer(answerTo(*taken.job));
  }
}

}  // namespace tern::compute
