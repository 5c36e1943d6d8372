// ServerFixture: a TcpServer on a loop on a thread of its own, for tests that act as its peers; and
// the waits and hand-overs between the two threads.
#pragma once

#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>
#include <tern/poller/Poller.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "EachPoller.h"

namespace tern::testing {

/// How long any wait lasts before it counts as hung. Never a measure of speed.
inline constexpr std::chrono::seconds kPatience{30};

/// Waits until the condition holds; false after kPatience. For what can only be asked, not waited
/// for. The condition is asked on the calling thread.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

/// Values on their way from one thread to another, in order. Any thread.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    ++total_;
    arrived_.notify_all();
  }

  /// The oldest value, waited for; throws when none comes.
  T take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [this] { return !values_.empty(); })) {
      throw std::runtime_error("nothing came into a mailbox that a test waits for");
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

  /// How many were put in so far, taken or not.
  [[nodiscard]] std::size_t total() const {
    const std::lock_guard lock(mutex_);
    return total_;
  }

  /// How many wait to be taken.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

  /// Waits until that many were put in, taken or not; throws when they don't come.
  void awaitTotal(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [&] { return total_ >= count; })) {
      throw std::runtime_error("a mailbox got " + std::to_string(total_) + " values, not " +
                               std::to_string(count));
    }
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> values_;
  std::size_t total_ = 0;
};

/// Waits until that many bytes came in pieces, and returns those pieces as one.
std::string takeBytes(Mailbox<std::string>& pieces, std::size_t length);

/// Runs call() on the loop's thread, waits, and returns what it returned or throws what it threw.
/// The loop must be running.
template <class Call>
auto runOn(EventLoop& loop, Call&& call) -> std::invoke_result_t<Call&> {
  using Result = std::invoke_result_t<Call&>;
  auto task = std::make_shared<std::packaged_task<Result()>>(std::ref(call));
  std::future<Result> result = task->get_future();
  loop.runInLoop([task] { (*task)(); });
  if (result.wait_for(kPatience) != std::future_status::ready) {
    // The functor refers to the caller's stack: there is no way on from here.
    ADD_FAILURE() << "the loop does not run what it was given";
    std::abort();
  }
  return result.get();
}

/// An EventLoop on a thread of its own. An exception that leaves loop() is noted, and loop() is
/// called again.
class LoopThread {
 public:
  explicit LoopThread(const PollerSpec& spec);
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  /// quit() and join().
  ~LoopThread();

  [[nodiscard]] EventLoop& loop() noexcept { return *loop_; }
  /// what() of the exceptions that left loop(), oldest first.
  [[nodiscard]] Mailbox<std::string>& escaped() noexcept { return escaped_; }

 private:
  void run(const PollerSpec& spec, std::promise<EventLoop*>& made);

  EventLoop* loop_ = nullptr;
  Mailbox<std::string> escaped_;
  std::promise<void> mayEnd_;  // the loop outlives the call of quit()
  std::thread thread_;
};

/// Keeps a loop busy, in a functor, while it lives: what peers and threads do meanwhile meets the
/// loop all at once. The loop is inside the functor when the constructor returns.
class LoopHold {
 public:
  explicit LoopHold(EventLoop& loop);
  LoopHold(const LoopHold&) = delete;
  LoopHold& operator=(const LoopHold&) = delete;
  ~LoopHold() { release(); }

  void release();

 private:
  std::shared_ptr<std::promise<void>> end_ = std::make_shared<std::promise<void>>();
  bool released_ = false;
};

/// A suite on each poller with a server. A test calls serve(), talks to the server as a Peer, and
/// returns; TearDown() then ends server and loop, and fails the test unless each connection that
/// came up went down exactly once, and no exception left loop() that the test did not take from
/// loopThread().escaped().
///
/// What callbacks refer to must outlive the test's body, which may end early: keep it in members of
/// the suite.
class ServerFixture : public OnEachPoller {
 public:
  struct Closed {
    TcpConnectionPtr connection;
    std::error_code reason;
  };

 protected:
  ServerFixture();
  ~ServerFixture() override;
  void TearDown() override { stop(); }

  /// Starts a loop on GetParam()'s poller and a server on listenAddress with a port of the kernel's
  /// choice. `configure` runs on the loop's thread before start(). The connection callback is the
  /// fixture's: set onUp and onDown instead, before serve().
  void serve(const std::function<void(TcpServer&)>& configure,
             TcpServer::Option option = TcpServer::Option::kNoReusePort);
  /// A server with this message callback.
  void serveMessages(const MessageCallback& onMessage);
  /// A server that sends back what it gets.
  void serveEcho();

  /// Ends the server, as its destructor does.
  void stopServer();
  /// Ends the server and the loop. Idempotent.
  void stop();

  [[nodiscard]] LoopThread& loopThread() { return *thread_; }
  [[nodiscard]] EventLoop& loop() { return thread_->loop(); }
  [[nodiscard]] TcpServer& server() { return *server_; }
  /// Where the server listens; also after stop().
  [[nodiscard]] const SocketAddress& address() const { return address_; }
  template <class Call>
  auto runOnLoop(Call&& call) {
    return runOn(loop(), std::forward<Call>(call));
  }

  /// What the poller asks of the kernel during some ticks of a timer: a loop that spins shows
  /// thousands of waits. The loop must be running.
  PollerStats statsOfTicks(int ticks, Delay interval);

  /// The next connection that came up, waited for.
  TcpConnectionPtr accepted() { return ups_.take(); }
  /// The next connection that went down, waited for.
  Closed closed() { return downs_.take(); }
  [[nodiscard]] Mailbox<TcpConnectionPtr>& ups() { return ups_; }
  [[nodiscard]] Mailbox<Closed>& downs() { return downs_; }

  /// Where serve() listens.
  SocketAddress listenAddress{0, true};

  /// Called in the connection callback, on the connection's loop, before accepted() or closed()
  /// tell.
  ConnectionCallback onUp;
  ConnectionCallback onDown;

 private:
  void note(const TcpConnectionPtr& connection);

  // Before the thread: callbacks use them until it ends.
  Mailbox<TcpConnectionPtr> ups_;
  Mailbox<Closed> downs_;
  std::unique_ptr<LoopThread> thread_;
  std::unique_ptr<TcpServer> server_;  // made and destroyed on the loop's thread
  SocketAddress address_;
};

}  // namespace tern::testing
