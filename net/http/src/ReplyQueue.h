// ReplyQueue: the replies of one connection, in the order of its requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ReplyHead.h"
#include "tern/http/Limits.h"
#include "tern/http/Response.h"
#include "tern/net/Callbacks.h"

namespace tern::http {

/// The reply to the oldest request goes straight to the connection; what is said to later ones is
/// held back until it is their turn. Loop thread. A sequence number that is unknown, because its
/// reply is complete or the connection gone, is ignored.
class ReplyQueue {
 public:
  /// What a request says about its reply.
  struct Terms {
    bool head = false;
    bool http10 = false;
    bool close = false;
  };

  ReplyQueue(const Limits& limits, TcpConnectionPtr connection);
  ReplyQueue(const ReplyQueue&) = delete;
  ReplyQueue& operator=(const ReplyQueue&) = delete;
  ~ReplyQueue();

  /// A request is there, whose reply will come.
  std::uint64_t open(Terms terms);

  void send(std::uint64_t sequence, const Response& response);
  void send(std::uint64_t sequence, Response&& response);
  void start(std::uint64_t sequence, Response&& response, std::optional<std::uint64_t> length);
  void write(std::uint64_t sequence, std::string&& bytes);
  /// The body is complete; or, if not, the connection will be closed when this is the oldest.
  void finish(std::uint64_t sequence, bool complete);
  /// Nobody will reply: 500, or, with a reply begun, as finish() without completeness.
  void abandon(std::uint64_t sequence);
  void onReady(std::uint64_t sequence, std::function<void()>&& callback);
  /// The connection closes behind the last reply that is open, which says so if it can. Not while
  /// empty().
  void closeAfterLast() noexcept;
  /// An interim response, right behind what was sent. Only while empty().
  void sendContinue();

  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  /// A reply, sent or held back, says that the connection closes: no further request counts.
  [[nodiscard]] bool closing() const noexcept { return closing_; }
  /// That reply has been handed to the connection, or all hope is lost.
  [[nodiscard]] bool finished() const noexcept { return finished_; }

  /// The oldest reply waits for its writer to be told that there is room.
  [[nodiscard]] bool wantsReady() const noexcept;
  /// Tells it. Passes on what it throws.
  void callReady();

  /// Bytes handed to the connection so far.
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  /// The connection is down: all replies are dropped, also those to come.
  void end() noexcept;

 private:
  struct Slot {
    enum class State : unsigned char { kOpen, kStarted, kDone };

    explicit Slot(Terms terms) : head(terms.head), http10(terms.http10), close(terms.close) {}

    State state = State::kOpen;
    bool head;
    bool http10;
    bool close;
    bool bodiless = false;  // the body is not sent
    bool chunked = false;
    bool broken = false;    // its end will never come
    bool readyDue = false;  // its writer has written since it was last told that there is room
    std::string held;
    std::function<void()> ready;
  };

  Slot* find(std::uint64_t sequence) noexcept;
  void sendHead(Slot& slot, const Response& response, Framing framing, std::string_view body);
  template <class Whole>
  void sendWhole(std::uint64_t sequence, Whole&& response);
  void emit(Slot& slot, std::string_view bytes);
  void emit(Slot& slot, std::string&& bytes);
  void emit(Slot& slot, std::shared_ptr<const std::string> bytes);
  void hold(Slot& slot, std::string_view bytes);
  void advance();
  void finishConnection() noexcept;

  const Limits& limits_;
  TcpConnectionPtr connection_;  // null: gone
  std::vector<Slot> slots_;
  std::uint64_t first_ = 0;  // the sequence number of slots_.front()
  std::uint64_t sent_ = 0;
  std::size_t held_ = 0;
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace tern::http
