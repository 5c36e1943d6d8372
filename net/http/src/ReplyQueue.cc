// ReplyQueue: one path for replies in and out of turn.
#include "ReplyQueue.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tern/base/Logging.h"
#include "tern/net/TcpConnection.h"

namespace tern::http {
namespace {

constexpr int kInternalServerError = 500;
// A body up to this size is copied behind its head: one piece to send.
constexpr std::size_t kCopyLimit = 4096;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";

// Messages with these end with their head, whatever its fields say.
bool hasBody(int status) noexcept { return status != 204 && status != 304; }

// Memory that the heads of all replies of a thread are put together in.
std::string& scratch() {
  static thread_local std::string text;
  text.clear();
  return text;
}

}  // namespace

ReplyQueue::ReplyQueue(const Limits& limits, TcpConnectionPtr connection)
    : limits_(limits), connection_(std::move(connection)) {}

ReplyQueue::~ReplyQueue() = default;

std::uint64_t ReplyQueue::open(Terms terms) {
  slots_.emplace_back(terms);
  if (terms.close) closing_ = true;
  return first_ + slots_.size() - 1;
}

ReplyQueue::Slot* ReplyQueue::find(std::uint64_t sequence) noexcept {
  return sequence >= first_ && sequence - first_ < slots_.size() ? &slots_[sequence - first_]
                                                                 : nullptr;
}

void ReplyQueue::send(std::uint64_t sequence, const Response& response) {
  sendWhole(sequence, response);
}

void ReplyQueue::send(std::uint64_t sequence, Response&& response) {
  sendWhole(sequence, std::move(response));
}

template <class Whole>
void ReplyQueue::sendWhole(std::uint64_t sequence, Whole&& response) {
  Slot* const slot = find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kOpen) return;
  const std::string_view body = response.body();
  const bool bodiless = slot->head || !hasBody(response.status());
  Framing framing;
  if (hasBody(response.status())) framing = {Framing::Kind::kLength, body.size()};
  const bool copied = !bodiless && body.size() <= kCopyLimit;
  sendHead(*slot, response, framing, copied ? body : std::string_view());
  if (!bodiless && !copied) {
    if (response.shared_ != nullptr) {
      emit(*slot, response.shared_);
    } else {
      emit(*slot, std::string(std::forward<Whole>(response).body_));
    }
  }
  slot->state = Slot::State::kDone;
  advance();
}

void ReplyQueue::start(std::uint64_t sequence, Response&& response,
                       std::optional<std::uint64_t> length) {
  Slot* const slot = find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kOpen) return;
  slot->bodiless = slot->head || !hasBody(response.status());
  Framing framing;
  if (length && hasBody(response.status())) {
    framing = {Framing::Kind::kLength, *length};
  } else if (hasBody(response.status())) {
    framing.kind = slot->http10 ? Framing::Kind::kUntilClose : Framing::Kind::kChunked;
    if (slot->http10 && !slot->head) slot->close = true;
    slot->chunked = !slot->http10;
  }
  sendHead(*slot, response, framing, {});
  slot->state = Slot::State::kStarted;
  slot->readyDue = true;
}

void ReplyQueue::sendHead(Slot& slot, const Response& response, Framing framing,
                          std::string_view body) {
  if (response.closesConnection()) slot.close = true;
  auto connection = ConnectionField::kNone;
  if (slot.close) {
    closing_ = true;
    connection = ConnectionField::kClose;
  } else if (slot.http10) {
    connection = ConnectionField::kKeepAlive;
  }
  std::string& text = scratch();
  appendHead(text, response, framing, connection);
  text.append(body);
  emit(slot, std::string_view(text));
}

void ReplyQueue::write(std::uint64_t sequence, std::string&& bytes) {
  Slot* const slot = find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kStarted || bytes.empty()) return;
  slot->readyDue = true;
  if (slot->bodiless) return;
  if (!slot->chunked) {
    emit(*slot, std::move(bytes));
    return;
  }
  std::string& text = scratch();
  appendChunkSize(text, bytes.size());
  emit(*slot, std::string_view(text));
  emit(*slot, std::move(bytes));
  emit(*slot, kLineEnd);
}

void ReplyQueue::finish(std::uint64_t sequence, bool complete) {
  Slot* const slot = find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kStarted) return;
  if (!slot->bodiless && !complete) {
    slot->broken = true;
  } else if (!slot->bodiless && slot->chunked) {
    emit(*slot, kLastChunk);
  }
  slot->state = Slot::State::kDone;
  advance();
}

void ReplyQueue::abandon(std::uint64_t sequence) {
  const Slot* const slot = find(sequence);
  if (slot == nullptr) return;
  if (slot->state == Slot::State::kOpen) {
    send(sequence, Response(kInternalServerError, "500 Internal Server Error\n"));
  } else {
    finish(sequence, false);
  }
}

void ReplyQueue::onReady(std::uint64_t sequence, std::function<void()>&& callback) {
  Slot* const slot = find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kStarted) return;
  // What the old one owns may call back.
  const std::function<void()> old = std::exchange(slot->ready, std::move(callback));
}

void ReplyQueue::closeAfterLast() noexcept {
  slots_.back().close = true;
  closing_ = true;
}

void ReplyQueue::sendContinue() {
  if (connection_ == nullptr) return;
  connection_->send(kContinue);
  sent_ += kContinue.size();
}

bool ReplyQueue::wantsReady() const noexcept {
  return !slots_.empty() && slots_.front().state == Slot::State::kStarted &&
         slots_.front().readyDue && slots_.front().ready;
}

void ReplyQueue::callReady() {
  if (!wantsReady()) return;
  // Out of its slot, which goes when the callback finishes the reply.
  const std::uint64_t sequence = first_;
  slots_.front().readyDue = false;
  std::function<void()> ready = std::exchange(slots_.front().ready, {});
  ready();
  Slot* const slot = find(sequence);
  if (slot != nullptr && slot->state == Slot::State::kStarted && !slot->ready) {
    slot->ready = std::move(ready);
  }
}

void ReplyQueue::emit(Slot& slot, std::string_view bytes) {
  if (connection_ == nullptr || finished_) return;
  if (&slot != &slots_.front()) {
    hold(slot, bytes);
    return;
  }
  sent_ += bytes.size();
  connection_->send(bytes);
}

void ReplyQueue::emit(Slot& slot, std::string&& bytes) {
  if (connection_ == nullptr || finished_) return;
  if (&slot != &slots_.front()) {
    hold(slot, bytes);
    return;
  }
  sent_ += bytes.size();
  connection_->send(std::move(bytes));
}

void ReplyQueue::emit(Slot& slot, std::shared_ptr<const std::string> bytes) {
  if (connection_ == nullptr || finished_) return;
  if (&slot != &slots_.front()) {
    hold(slot, *bytes);
    return;
  }
  sent_ += bytes->size();
  connection_->send(std::move(bytes));
}

void ReplyQueue::hold(Slot& slot, std::string_view bytes) {
  held_ += bytes.size();
  if (held_ > limits_.outputBytes) {
    log(LogLevel::kWarn, connection_->name() + ": " + std::to_string(held_) +
                             " bytes of replies wait for an earlier reply; closed");
    finishConnection();
    connection_->forceClose();
    return;
  }
  slot.held.append(bytes);
}

// Sends what is complete, in order, and what there is of the one behind.
void ReplyQueue::advance() {
  while (!slots_.empty() && !finished_) {
    Slot& front = slots_.front();
    if (!front.held.empty()) {
      held_ -= front.held.size();
      emit(front, std::exchange(front.held, {}));
    }
    if (front.state != Slot::State::kDone) return;
    if (front.broken && connection_ != nullptr) connection_->forceClose();
    if (front.close || front.broken) {
      finishConnection();
      return;
    }
    // What its callback owns goes when this queue is in order again.
    const std::function<void()> ready = std::exchange(front.ready, {});
    slots_.erase(slots_.begin());
    ++first_;
  }
}

void ReplyQueue::finishConnection() noexcept {
  closing_ = true;
  finished_ = true;
}

void ReplyQueue::end() noexcept {
  connection_.reset();
  finished_ = closing_ = true;
  first_ += slots_.size();
  // What callbacks own may call back, and shall find nothing.
  const std::vector<Slot> dropped = std::exchange(slots_, {});
}

}  // namespace tern::http
