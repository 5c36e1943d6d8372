// Responder: the right, and the duty, to reply to one request; now or later, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tern/http/Response.h"

namespace tern::http {

class Session;

/// Moved to whoever replies. Replies leave in the order of the requests, whenever they are made.
/// Any thread, one at a time; when the connection is gone, its calls do nothing. Replying a second
/// time throws std::logic_error.
///
/// Destroyed without a reply, it replies 500; destroyed between start() and finish(), it closes the
/// connection, so that the client does not take a part for the whole.
class Responder {
 public:
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  /// The whole reply. To HEAD, and with status 204 and 304, the body is left out.
  void send(const Response& response);
  void send(Response&& response);

  /// The head of a reply whose body follows in pieces; a body that `response` has is the first.
  /// With a length, the body is exactly so long; without one it is sent in chunks, or, to HTTP/1.0,
  /// ended by closing the connection.
  void start(Response response, std::optional<std::uint64_t> length = std::nullopt);
  /// A piece. Throws std::length_error, and sends nothing, beyond the length given to start().
  void write(std::string bytes);
  /// The body is complete. When it is shorter than the length given to start(), the connection is
  /// closed.
  void finish();

  /// Calls back on the connection's loop when there is room for more of the body: soon after
  /// start(), and, once it has written something, whenever no more than Limits::highMark bytes wait
  /// to be sent. Call it after start(). It is destroyed with the reply or the connection; what it
  /// throws is logged, and closes the connection.
  void onReady(std::function<void()> callback);

  /// The client may still be there. Any thread; a hint for whoever has costly work to do.
  [[nodiscard]] bool connected() const noexcept;

 private:
  friend class Session;
  enum class State : unsigned char { kOpen, kStarted, kDone };

  Responder(std::shared_ptr<Session> session, std::uint64_t sequence) noexcept
      : session_(std::move(session)), sequence_(sequence) {}
  void require(State state, const char* what) const;
  void drop() noexcept;

  std::shared_ptr<Session> session_;  // null: moved from
  std::uint64_t sequence_ = 0;
  std::uint64_t left_ = 0;  // of a body with a length
  bool limited_ = false;    // it has one
  State state_ = State::kOpen;
};

}  // namespace tern::http
