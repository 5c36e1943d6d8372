// Session: HTTP on one connection: requests in, replies out, and the clock beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "ReplyQueue.h"
#include "RequestReader.h"
#include "tern/base/ThreadCheck.h"
#include "tern/http/Responder.h"
#include "tern/http/Response.h"
#include "tern/net/Callbacks.h"
#include "tern/net/LazyDeadline.h"

namespace tern::http {

struct ServiceCore;

/// Made and told of events on the connection's loop. Responders share it, and call it from any
/// thread, also when the connection and its loop are gone.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<const ServiceCore> core, TcpConnectionPtr connection);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // --- events of the connection: loop thread ---

  void begin();
  void onMessage(Timestamp now);
  void onHalfClose();
  void onLowMark();
  /// The request of which something has come, if there is one, is the last.
  void onDrain();
  void onDown();

  // --- what responders say: any thread ---

  void send(std::uint64_t sequence, const Response& response);
  void send(std::uint64_t sequence, Response&& response);
  void start(std::uint64_t sequence, Response&& response, std::optional<std::uint64_t> length);
  void write(std::uint64_t sequence, std::string&& bytes);
  void finish(std::uint64_t sequence, bool complete);
  void abandon(std::uint64_t sequence);
  void onReady(std::uint64_t sequence, std::function<void()>&& callback);
  [[nodiscard]] bool connected() const noexcept;

 private:
  enum class Clock : unsigned char { kFirstHead, kHead, kBody, kIdle, kLinger };

  template <class Act>
  void onLoop(Act&& act);
  void post(std::function<void()> functor);

  [[nodiscard]] bool mayRead() const noexcept;
  void pump();
  void readRequests();
  void admit();
  void handle();
  void fail(int status);
  void schedulePump();
  void settle();
  void discardInput(std::size_t bytes);
  void afterReplies();
  void end();
  void runReady();
  void setClock(Clock clock);
  void onDeadline();
  void onIdle();

  const std::shared_ptr<const ServiceCore> core_;
  const void* const thread_ = ThreadCheck::thisThread();
  TcpConnectionPtr connection_;  // null once it is down
  // Guards posting to the loop against the loop's end: null once the connection is down.
  mutable std::mutex mutex_;
  EventLoop* loop_;

  RequestReader reader_;
  ReplyQueue replies_;
  std::optional<LazyDeadline> deadline_;  // while the connection is up
  Timestamp now_;
  std::uint64_t leftAtLastCheck_ = 0;  // see onIdle()
  std::size_t lingered_ = 0;
  Clock clock_ = Clock::kFirstHead;
  bool pumping_ = false;
  bool stalled_ = false;      // not reading: too much is in flight
  bool reading_ = true;       // requests are still wanted
  bool ended_ = false;        // the last reply is sent; what comes is thrown away
  bool peerDone_ = false;     // the client has finished sending
  bool draining_ = false;     // the next request is the last
  bool continueDue_ = false;  // 100 waits for the replies before it
  bool pumpScheduled_ = false;
  bool readyScheduled_ = false;
};

}  // namespace tern::http
