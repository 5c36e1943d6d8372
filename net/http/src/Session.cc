// Session: reads requests as long as their replies have room, and keeps the clock.
#include "Session.h"

#include <exception>
#include <string_view>
#include <type_traits>

#include "HeadRules.h"
#include "ServiceCore.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern::http {
namespace {

constexpr int kTimeout = 408;
constexpr int kInternalServerError = 500;

Response errorReply(int status) {
  Response response(status,
                    std::to_string(status) + ' ' + std::string(reasonPhrase(status)) + '\n');
  response.closeConnection();
  return response;
}

void logEscaped(const TcpConnectionPtr& connection, std::string_view what) {
  std::string why = "an unknown exception";
  try {
    throw;
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is no more to tell
  }
  const std::string name = connection == nullptr ? "http" : connection->name();
  log(LogLevel::kError, name + ": " + std::string(what) + " threw: " + why);
}

}  // namespace

Session::Session(std::shared_ptr<const ServiceCore> core, TcpConnectionPtr connection)
    : core_(std::move(core)),
      connection_(std::move(connection)),
      loop_(connection_->getLoop()),
      reader_(core_->limits, connection_->peerAddress()),
      replies_(core_->limits, connection_) {}

Session::~Session() = default;

// --- from any thread to the loop's ---

void Session::post(std::function<void()> functor) {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) loop_->queueInLoop(std::move(functor));
}

template <class Act>
void Session::onLoop(Act&& act) {
  if (thread_ == ThreadCheck::thisThread()) {
    if (connection_ == nullptr) return;
    act(*this);
    afterReplies();
    return;
  }
  post([self = shared_from_this(), act = std::forward<Act>(act)]() mutable {
    if (self->connection_ == nullptr) return;
    act(*self);
    self->afterReplies();
  });
}

void Session::send(std::uint64_t sequence, const Response& response) {
  if (thread_ != ThreadCheck::thisThread()) {
    send(sequence, Response(response));
  } else if (connection_ != nullptr) {
    replies_.send(sequence, response);
    afterReplies();
  }
}

void Session::send(std::uint64_t sequence, Response&& response) {
  onLoop([sequence, response = std::move(response)](Session& self) mutable {
    self.replies_.send(sequence, std::move(response));
  });
}

void Session::start(std::uint64_t sequence, Response&& response,
                    std::optional<std::uint64_t> length) {
  onLoop([sequence, length, response = std::move(response)](Session& self) mutable {
    self.replies_.start(sequence, std::move(response), length);
  });
}

void Session::write(std::uint64_t sequence, std::string&& bytes) {
  onLoop([sequence, bytes = std::move(bytes)](Session& self) mutable {
    self.replies_.write(sequence, std::move(bytes));
  });
}

void Session::finish(std::uint64_t sequence, bool complete) {
  onLoop([sequence, complete](Session& self) { self.replies_.finish(sequence, complete); });
}

void Session::abandon(std::uint64_t sequence) {
  onLoop([sequence](Session& self) { self.replies_.abandon(sequence); });
}

void Session::onReady(std::uint64_t sequence, std::function<void()>&& callback) {
  onLoop([sequence, callback = std::move(callback)](Session& self) mutable {
    self.replies_.onReady(sequence, std::move(callback));
  });
}

bool Session::connected() const noexcept {
  const std::lock_guard lock(mutex_);
  return loop_ != nullptr;
}

// --- requests ---

void Session::begin() {
  deadline_.emplace(*loop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->onDeadline();
  });
  now_ = loop_->pollReturnTime();
  deadline_->set(addSaturated(now_, core_->limits.headTimeout));
}

void Session::onMessage(Timestamp now) {
  now_ = now;
  pump();
}

bool Session::mayRead() const noexcept {
  return connection_ != nullptr && reading_ && connection_->connected() &&
         replies_.size() < core_->limits.pipelined &&
         connection_->outputBytes() <= core_->limits.highMark;
}

// Not to be entered from itself: a handler that replies makes room for the next request.
void Session::pump() {
  if (pumping_ || connection_ == nullptr) return;
  struct Pumping {
    bool& flag;
    explicit Pumping(bool& on) : flag(on) { flag = true; }
    ~Pumping() { flag = false; }
  };
  {
    const Pumping pumping(pumping_);
    readRequests();
  }
  settle();
}

void Session::readRequests() {
  while (mayRead()) {
    switch (reader_.read(*connection_->inputBuffer())) {
      case RequestReader::Step::kMore:
        return;
      case RequestReader::Step::kHead:
        admit();
        break;
      case RequestReader::Step::kRequest:
        continueDue_ = false;
        handle();
        break;
      case RequestReader::Step::kError:
        fail(reader_.status());
        break;
    }
  }
}

// The head of a request with a body that we are willing to receive.
void Session::admit() {
  std::optional<Response> refusal;
  if (core_->admission) {
    try {
      refusal = core_->admission(reader_.request());
    } catch (...) {
      logEscaped(connection_, "the admission");
      refusal = errorReply(kInternalServerError);
    }
  }
  if (connection_ == nullptr) return;
  if (refusal) {
    reading_ = false;
    const bool http10 = reader_.request().minorVersion() == 0;
    const std::uint64_t sequence = replies_.open({reader_.request().isHead(), http10, true});
    replies_.send(sequence, std::move(*refusal));
    afterReplies();
    return;
  }
  // Not to who sends the body unasked.
  continueDue_ = expectsContinue(reader_.request()) && connection_->inputBuffer()->empty();
  afterReplies();
}

void Session::handle() {
  Request& request = reader_.request();
  const ReplyQueue::Terms terms{request.isHead(), request.minorVersion() == 0,
                                !request.keepAlive() || draining_};
  const std::uint64_t sequence = replies_.open(terms);
  const TcpConnectionPtr connection = connection_;
  clock_ = Clock::kIdle;  // the next head's time begins anew
  try {
    core_->handler(request, Responder(shared_from_this(), sequence));
  } catch (...) {
    logEscaped(connection, "a handler");
    abandon(sequence);
  }
  reader_.next();
  if (replies_.closing()) reading_ = false;
}

void Session::fail(int status) {
  reading_ = false;
  continueDue_ = false;
  const std::uint64_t sequence = replies_.open({reader_.request().isHead(), false, true});
  replies_.send(sequence, errorReply(status));
  afterReplies();
}

// --- after each event ---

void Session::settle() {
  if (connection_ == nullptr) return;
  if (ended_ || !connection_->connected()) {
    discardInput(connection_->inputBuffer()->readableBytes());
    return;
  }
  const bool stalled = !mayRead();
  if (stalled != stalled_) {
    stalled_ = stalled;
    if (stalled) {
      connection_->stopRead();
    } else {
      connection_->startRead();
    }
  }
  if (!reading_) connection_->inputBuffer()->retrieveAll();
  const bool begun = clock_ != Clock::kFirstHead || !replies_.empty() || replies_.sent() > 0;
  if (!stalled && reader_.inBody()) {
    setClock(Clock::kBody);
  } else if (!stalled && reader_.inHead()) {
    setClock(clock_ == Clock::kFirstHead ? Clock::kFirstHead : Clock::kHead);
  } else if (stalled || begun) {
    setClock(Clock::kIdle);
  }
}

void Session::discardInput(std::size_t bytes) {
  connection_->inputBuffer()->retrieveAll();
  lingered_ += bytes;
  if (lingered_ > core_->limits.lingerBytes) connection_->forceClose();
}

void Session::schedulePump() {
  if (pumpScheduled_) return;
  pumpScheduled_ = true;
  loop_->queueInLoop([self = shared_from_this()] {
    self->pumpScheduled_ = false;
    if (self->connection_ == nullptr) return;
    self->now_ = self->loop_->pollReturnTime();
    self->pump();
  });
}

// Replies were sent, or became due: what follows from that.
void Session::afterReplies() {
  if (connection_ == nullptr || ended_) return;
  if (replies_.finished() || (replies_.empty() && peerDone_)) {
    end();
    return;
  }
  if (replies_.closing()) reading_ = false;
  if (continueDue_ && replies_.empty()) {
    continueDue_ = false;
    replies_.sendContinue();
  }
  if (replies_.wantsReady() && !readyScheduled_ &&
      connection_->outputBytes() <= core_->limits.highMark) {
    readyScheduled_ = true;
    loop_->queueInLoop([self = shared_from_this()] {
      self->readyScheduled_ = false;
      self->runReady();
    });
  }
  if (stalled_ && !pumping_ && mayRead()) schedulePump();
}

// The client may still be sending; closing with unread bytes would reset the connection, and the
// client might lose the reply.
void Session::end() {
  ended_ = true;
  reading_ = false;
  const TcpConnectionPtr connection = connection_;
  connection->shutdown();
  connection->startRead();
  setClock(Clock::kLinger);
  replies_.end();
  if (connection_ != nullptr && !pumping_) connection_->inputBuffer()->retrieveAll();
}

void Session::runReady() {
  if (connection_ == nullptr || connection_->outputBytes() > core_->limits.highMark) return;
  try {
    replies_.callReady();
  } catch (...) {
    logEscaped(connection_, "a writer of a reply");
    if (connection_ != nullptr) connection_->forceClose();
    return;
  }
  afterReplies();
}

void Session::onLowMark() { afterReplies(); }

void Session::onHalfClose() {
  peerDone_ = true;
  reading_ = false;
  afterReplies();
}

void Session::onDrain() {
  if (connection_ == nullptr || ended_) return;
  draining_ = true;
  if (reader_.inHead() || reader_.inBody() || !connection_->inputBuffer()->empty()) return;
  reading_ = false;
  if (replies_.empty()) {
    end();
  } else {
    replies_.closeAfterLast();
    settle();
  }
}

void Session::onDown() {
  {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }
  connection_.reset();
  deadline_.reset();
  replies_.end();
}

// --- the clock ---

void Session::setClock(Clock clock) {
  const Limits& limits = core_->limits;
  // A deadline for the whole of something is set when that begins.
  if (clock == clock_ && clock != Clock::kIdle) return;
  clock_ = clock;
  switch (clock) {
    case Clock::kFirstHead:
      break;
    case Clock::kHead:
      deadline_->set(addSaturated(now_, limits.headTimeout));
      break;
    case Clock::kBody:
      deadline_->set(addSaturated(now_, limits.bodyTimeout));
      break;
    case Clock::kIdle:
      deadline_->set(addSaturated(now_, limits.idleTimeout));
      break;
    case Clock::kLinger:
      now_ = loop_->pollReturnTime();
      deadline_->set(addSaturated(now_, limits.lingerTimeout));
      break;
  }
}

void Session::onDeadline() {
  if (connection_ == nullptr || !deadline_->expired()) return;
  now_ = loop_->pollReturnTime();
  switch (clock_) {
    case Clock::kFirstHead:
    case Clock::kHead:
      if (reader_.inHead()) {
        fail(kTimeout);
        settle();
      } else {
        end();
      }
      break;
    case Clock::kBody:
      fail(kTimeout);
      settle();
      break;
    case Clock::kIdle:
      onIdle();
      break;
    case Clock::kLinger:
      connection_->forceClose();
      break;
  }
}

// Nothing to wait for, a handler that takes its time, or a client that does not read.
void Session::onIdle() {
  const std::size_t waiting = connection_->outputBytes();
  if (waiting == 0 && replies_.empty()) {
    end();
    return;
  }
  const std::uint64_t left = replies_.sent() - waiting;
  if (waiting > 0 && left == leftAtLastCheck_) {
    connection_->forceClose();
    return;
  }
  leftAtLastCheck_ = left;
  setClock(Clock::kIdle);
}

}  // namespace tern::http
