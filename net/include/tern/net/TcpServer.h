// TcpServer: accepts TCP connections and serves them on one or several loops. Start here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/net/Callbacks.h"
#include "tern/net/ConnectionSettings.h"
#include "tern/net/EventLoopThreadPool.h"
#include "tern/net/ServerStats.h"
#include "tern/net/SocketAddress.h"
#include "tern/net/TimerId.h"

namespace tern {

class Acceptor;
class EventLoop;
class ServerShard;
class SocketFile;
class ServerLimits;

/// Made, started and destroyed on the thread of its base loop. Settings, those of
/// ConnectionSettings.h among them, are made before start(). Connections live and die on the loop
/// that they were assigned to.
class TcpServer : public ConnectionSettings<TcpServer> {
 public:
  enum class Option : unsigned char {
    kNoReusePort,  ///< one listener, on the base loop, which hands connections out
    kReusePort,    ///< a listener a loop (SO_REUSEPORT): the kernel spreads the connections
  };
  /// Which loop a connection gets from the one listener.
  enum class Balance : unsigned char { kRoundRobin, kLeastConnections, kByPeerHost };
  using ThreadInitCallback = EventLoopThread::ThreadInitCallback;

  /// Binds. Throws std::system_error that names the address. With port 0 the kernel chooses. The
  /// file of a Unix-domain socket is there from now until the server accepts no more.
  TcpServer(EventLoop* loop, const SocketAddress& address, std::string name,
            Option option = Option::kNoReusePort);
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  /// stop() without patience: when it returns, each connection has had its last callback. Waits for
  /// the other loops to get there, so no callback of theirs may wait for this thread. May be called
  /// in a callback on the base loop.
  ~TcpServer();

  /// How many loops on threads of their own serve connections; 0, the default: the base loop does.
  void setThreadNum(std::size_t count);
  /// Runs on each serving loop before it serves.
  void setThreadInitCallback(ThreadInitCallback callback);
  /// The poller of those loops; by default what the base loop asked for.
  void setPollerSpec(PollerSpec spec);
  void setBalance(Balance balance);
  /// Connections above this are closed as they arrive; by default there is no limit.
  void setMaxConnections(std::size_t count);
  /// The same for the connections of one peer host: of an IPv4 address, or of an IPv6 /64
  /// (on the local link, of an address). By default there is no limit. Peers of a Unix-domain
  /// server are not counted.
  void setMaxConnectionsPerPeer(std::size_t count);
  /// Above so many bytes in all connections together, as ServerStats::bytesBuffered counts them,
  /// those that hold the most are closed with std::errc::no_buffer_space, until what is left is not
  /// above it; by default there is no limit. Looked at at the end of each turn in which a
  /// connection came to hold more, so it bounds what waits, not what one callback sends: see
  /// setOutputLimit() for that. With several loops, the one whose connections hold the most closes
  /// its largest, when it gets there; what closes on another loop counts until it has closed.
  void setBufferLimit(std::size_t bytes);
  /// For protocols in which the server owes an answer: stop() tells each connection, on its loop,
  /// instead of half-closing it. The callback, or what comes after it, is to call shutdown(), and
  /// from any thread: one made on the loop's thread goes ahead of what other threads have just
  /// sent.
  void setDrainCallback(DrainCallback callback);

  /// Starts the threads and listens. Once: calling it again, or after stop(), does nothing. Throws
  /// std::system_error, and may then be tried again.
  void start();

  /// Drains: stops accepting, half-closes each connection after its pending output or lets the
  /// drain callback see to it, waits for the peers to close, and closes by force what is left at
  /// the deadline: a connection that does not read can't see that its peer has closed. `done` then
  /// runs on the base loop. Any thread; while draining, a later call can only bring the deadline
  /// forward.
  void stop(Delay deadline, std::function<void()> done = {});

  /// Where it listens, with the port that the kernel chose. Any thread.
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string ipPort() const { return address_.toString(); }
  [[nodiscard]] EventLoop* getLoop() const noexcept { return &loop_; }
  /// Connections up, or on their way to their loop. Any thread.
  [[nodiscard]] std::size_t connectionCount() const noexcept;
  /// Counts since it was made; also after stop(). Any thread.
  [[nodiscard]] ServerStats stats() const;
  /// The loops that serve; after start().
  [[nodiscard]] std::vector<EventLoop*> loops() const;

 private:
  friend class ConnectionSettings<TcpServer>;
  ConnectionCallbacks& editCallbacks();
  void listen();
  void listenOnEachLoop();
  void assign(UniqueFd fd);
  EventLoop* chooseLoop(const UniqueFd& fd);
  void stopInLoop(Duration deadline, std::function<void()> done);
  void drainShards();
  void setDeadline(Timestamp deadline);
  void shardDrained();

  EventLoop& loop_;
  const std::string name_;
  const Option option_;
  UniqueFd socket_;  // bound, until start()
  const SocketAddress address_;
  std::unique_ptr<SocketFile> file_;
  Balance balance_ = Balance::kRoundRobin;
  PollerSpec spec_;
  std::size_t threadCount_ = 0;
  ThreadInitCallback threadInit_;
  ConnectionCallbacks callbacks_;
  std::shared_ptr<ServerLimits> limits_;
  std::unique_ptr<EventLoopThreadPool> pool_;         // from start() on
  std::unique_ptr<Acceptor> acceptor_;                // in one-listener mode
  std::vector<std::shared_ptr<ServerShard>> shards_;  // one a serving loop

  bool stopping_ = false;
  std::size_t undrained_ = 0;  // shards that still have connections
  TimerId deadlineTimer_;
  Timestamp deadline_ = Timestamp::max();
  std::vector<std::function<void()>> done_;
  // For functors that may run after the server is gone: it is null then. Base loop's thread.
  std::shared_ptr<TcpServer*> self_;
};

}  // namespace tern
