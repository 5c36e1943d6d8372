// ComputeSession: the puzzles of one connection, between its loop and the compute threads.
#pragma once

#include <tern/codec/LineCodec.h>
#include <tern/net/Callbacks.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace tern::compute {

/// What the loop and the compute threads know of a connection. It does not keep the connection.
/// Reading from it stops for two reasons, and starts when neither holds any more.
class ComputeSession {
 public:
  struct Job {
    std::string id;
    std::string puzzle;
  };

  ComputeSession(const TcpConnectionPtr& connection, LineCodec codec, std::size_t mostWaiting)
      : connection_(connection), codec_(std::move(codec)), mostWaiting_(mostWaiting) {}

  // --- the connection's loop ---

  /// True if the session has to be handed to the pool, since it had nothing to do. After finish()
  /// nothing is taken.
  [[nodiscard]] bool add(Job job);
  /// Whether the connection must not be read from.
  [[nodiscard]] bool mustPause();
  void setOutputFull(bool full);
  /// No more jobs are wanted: the connection shuts down behind the last answer.
  void finish();
  /// The connection is gone: what waits is dropped.
  void abandon();

  // --- a compute thread ---

  struct Taken {
    std::optional<Job> job;
    bool more = false;  ///< the session has to be handed to the pool again
  };
  [[nodiscard]] Taken take();
  /// Sends the answer of a job that was taken.
  void answer(const std::string& line);

 private:
  [[nodiscard]] bool idle() const { return jobs_.empty() && working_ == 0; }

  const std::weak_ptr<TcpConnection> connection_;
  const LineCodec codec_;
  const std::size_t mostWaiting_;
  std::mutex mutex_;
  std::deque<Job> jobs_;
  std::size_t working_ = 0;  // jobs taken and not answered
  bool queueFull_ = false;
  bool outputFull_ = false;
  bool finished_ = false;
};

}  // namespace tern::compute
