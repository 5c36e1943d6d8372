// Responder: says once, and passes on.
#include "tern/http/Responder.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "Session.h"
#include "tern/base/Logging.h"

namespace tern::http {

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  drop();
  session_ = std::move(other.session_);
  sequence_ = other.sequence_;
  left_ = other.left_;
  limited_ = other.limited_;
  state_ = other.state_;
  return *this;
}

Responder::~Responder() { drop(); }

void Responder::drop() noexcept {
  if (session_ == nullptr) return;
  const std::shared_ptr<Session> session = std::exchange(session_, nullptr);
  if (state_ == State::kDone) return;
  try {
    session->abandon(sequence_);
  } catch (const std::exception& error) {
    log(LogLevel::kError, std::string("a dropped reply can't be made up for: ") + error.what());
  }
}

void Responder::require(State state, const char* what) const {
  if (session_ == nullptr) throw std::logic_error(std::string(what) + ": moved from");
  if (state_ != state) throw std::logic_error(std::string(what) + ": not at this point of a reply");
}

void Responder::send(const Response& response) {
  require(State::kOpen, "Responder::send()");
  session_->send(sequence_, response);
  state_ = State::kDone;
}

void Responder::send(Response&& response) {
  require(State::kOpen, "Responder::send()");
  session_->send(sequence_, std::move(response));
  state_ = State::kDone;
}

void Responder::start(Response response, std::optional<std::uint64_t> length) {
  require(State::kOpen, "Responder::start()");
  std::string first(response.body());
  if (length && first.size() > *length) {
    throw std::length_error("the body is longer than the length given");
  }
  session_->start(sequence_, std::move(response), length);
  state_ = State::kStarted;
  limited_ = length.has_value();
  left_ = length.value_or(0);
  if (!first.empty()) write(std::move(first));
}

void Responder::write(std::string bytes) {
  require(State::kStarted, "Responder::write()");
  if (limited_ && bytes.size() > left_) {
    throw std::length_error("the body is longer than the length given");
  }
  left_ -= limited_ ? bytes.size() : 0;
  session_->write(sequence_, std::move(bytes));
}

void Responder::finish() {
  require(State::kStarted, "Responder::finish()");
  state_ = State::kDone;
  session_->finish(sequence_, left_ == 0);
}

void Responder::onReady(std::function<void()> callback) {
  require(State::kStarted, "Responder::onReady()");
  session_->onReady(sequence_, std::move(callback));
}

bool Responder::connected() const noexcept { return session_ != nullptr && session_->connected(); }

}  // namespace tern::http
