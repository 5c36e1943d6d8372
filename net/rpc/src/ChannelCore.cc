// ChannelCore: calls made by any thread, answered on the loop's.
#include "ChannelCore.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "OutgoingFrame.h"
#include "Parse.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern::rpc {
namespace {

constexpr std::size_t kLongestName = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kFewStale = 64;

// Rounded up: the server should not give up before the client does.
std::uint32_t timeoutOnWire(Timestamp deadline, Timestamp now) {
  if (deadline == Timestamp::max()) return 0;
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(deadline - now).count();
  constexpr milliseconds::rep kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<milliseconds::rep>(left, 1, kMost));
}

}  // namespace

ChannelCore::ChannelCore(EventLoop& loop, const ChannelOptions& options)
    : loop_(loop),
      options_(options),
      codec_(LengthPrefixCodec::Options{.maxLength = std::max(options.maxFrame, kFrameHeader)}) {}

// --- calls ---

void ChannelCore::call(const google::protobuf::MethodDescriptor& method, Controller& controller,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response, google::protobuf::Closure& done) {
  controller.error_ = {};
  controller.text_.clear();
  const std::string& name = method.full_name();
  const std::size_t payload = request.ByteSizeLong();
  Call call{&controller, &response, &done, Timestamp::max(), payload, nullptr};
  const auto refuse = [&](Error error, std::string why) {
    const std::lock_guard lock(mutex_);
    end(std::move(call), error, std::move(why));
  };
  if (!request.IsInitialized()) return refuse(Error::kBadRequest, "required fields are missing");
  if (name.size() > kLongestName || payload > codec_.maxLength() ||
      kFrameHeader + name.size() + payload > codec_.maxLength()) {
    return refuse(Error::kTooLarge, "a request of " + std::to_string(payload) + " bytes");
  }

  // The request is read before anyone can know of the call: from then on `done` may run, and
  // whatever belongs to the caller may be gone.
  OutgoingFrame frame(name, payload);
  frame.serialize(request);
  const Duration timeout = controller.timeout_.value_or(options_.timeout);
  const Timestamp now = timeout == kForever ? Timestamp() : Clock::now();
  if (timeout != kForever) call.deadline = addSaturated(now, timeout);
  const Timestamp deadline = call.deadline;

  TcpConnectionPtr connection;
  SlotId id;
  {
    const std::lock_guard lock(mutex_);
    if (const auto error = refusal(call, now)) return end(std::move(call), *error);
    bytes_ += call.bytes;
    id = calls_.insert(std::move(call));
    if (controller.core_.get() != this) {
      controller.call_ = 0;
      controller.core_ = shared_from_this();
    }
    controller.call_ = id.packed();
    if (controller.cancelWanted_) {
      return end(take(id, *calls_.find(id)), Error::kCancelled);
    }
    if (deadline != Timestamp::max()) addDeadline(deadline, id);
    connection = connection_;
    if (connection == nullptr) {
      frame.seal(FrameType::kRequest, id.packed());
      calls_.find(id)->waiting = std::make_unique<std::string>(frame.take());
      addWaiting(id);
      return;
    }
  }
  frame.seal(FrameType::kRequest, id.packed(), timeoutOnWire(deadline, now));
  frame.send(codec_, connection);
}

std::optional<Error> ChannelCore::refusal(const Call& call, Timestamp now) const {
  if (closed_) return Error::kClosed;
  if (call.deadline <= now) return Error::kDeadlineExceeded;
  if (calls_.size() >= options_.maxInFlight) return Error::kTooManyInFlight;
  // One call is let in, however large: else it could never be made.
  if (bytes_ > 0 && bytes_ + call.bytes > options_.maxInFlightBytes) {
    return Error::kTooManyInFlight;
  }
  if (connection_ == nullptr && !mayConnect_) return Error::kUnavailable;
  return std::nullopt;
}

// Those that were cancelled, or expired, while they waited must not pile up.
void ChannelCore::addWaiting(SlotId call) {
  if (waiting_.size() > kFewStale + 2 * calls_.size()) {
    std::erase_if(waiting_, [this](SlotId id) { return calls_.find(id) == nullptr; });
  }
  waiting_.push_back(call);
}

ChannelCore::Call ChannelCore::take(SlotId id, Call& call) {
  Call taken = std::move(call);
  bytes_ -= taken.bytes;
  calls_.erase(id);
  return taken;
}

void ChannelCore::cancel(std::uint64_t call) {
  TcpConnectionPtr connection;
  {
    const std::lock_guard lock(mutex_);
    const SlotId id = SlotId::unpack(call);
    Call* const found = calls_.find(id);
    if (found == nullptr) return;
    if (found->waiting == nullptr) connection = connection_;
    end(take(id, *found), Error::kCancelled);
  }
  if (connection != nullptr) sendCancel(connection, call);
}

void ChannelCore::sendCancel(const TcpConnectionPtr& connection, std::uint64_t call) const {
  OutgoingFrame frame({}, 0);
  frame.seal(FrameType::kCancel, call);
  frame.send(codec_, connection);
}

bool ChannelCore::connected() const {
  const std::lock_guard lock(mutex_);
  return connection_ != nullptr;
}

std::size_t ChannelCore::inFlight() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

// --- the connection ---

void ChannelCore::onConnection(const TcpConnectionPtr& connection) {
  if (!connection->connected()) {
    const std::error_code reason = connection->closeReason();
    lost(connection, Error::kUnavailable,
         reason ? reason.message() : "the server closed the connection");
    return;
  }
  std::vector<std::string> requests;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    connection_ = connection;
    const Timestamp now = Clock::now();
    for (const SlotId id : std::exchange(waiting_, {})) {
      Call* const call = calls_.find(id);
      if (call == nullptr) continue;
      setTimeout(*call->waiting, timeoutOnWire(call->deadline, now));
      requests.push_back(std::move(*std::exchange(call->waiting, nullptr)));
    }
  }
  for (std::string& request : requests) codec_.send(connection, std::move(request));
}

void ChannelCore::onFrame(const TcpConnectionPtr& connection, std::string_view bytes) {
  const std::optional<Frame> frame = decodeFrame(bytes);
  const bool forClients = frame && (frame->type == FrameType::kReply ||  //
                                    frame->type == FrameType::kFailure);
  if (!forClients || frame->call == 0) {
    // Its callback comes later: nothing more may be sent on it, and what was sent has ended.
    connection->forceClose();
    lost(connection, forClients ? frame->error : Error::kBadFrame,
         std::string(forClients ? frame->payload : "the server sent what is no frame"));
    return;
  }
  Call call;
  {
    const std::lock_guard lock(mutex_);
    const SlotId id = SlotId::unpack(frame->call);
    Call* const found = calls_.findForeign(id);
    // Too late, or made up.
    if (found == nullptr || found->waiting != nullptr) return;
    call = take(id, *found);
  }
  if (frame->type == FrameType::kFailure) {
    finish(call, frame->error, frame->payload);
  } else if (parse(frame->payload, *call.response)) {
    call.done->Run();
  } else {
    finish(call, Error::kBadReply, {});
  }
}

void ChannelCore::lost(const TcpConnectionPtr& connection, Error error, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || connection != connection_) return;
    connection_.reset();
    mayConnect_ = options_.retry.has_value();
    endAll(true, false, error, why);
  }
  runReady();
}

void ChannelCore::connectFailed(std::error_code error, bool final) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (final) mayConnect_ = false;
    endAll(false, true, Error::kUnavailable, error.message());
    waiting_.clear();
  }
  runReady();
}

void ChannelCore::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  connection_.reset();
  endAll(true, true, Error::kClosed, {});
  loop_.cancel(timer_);
  deadlines_.clear();
  waiting_.clear();
}

// --- deadlines ---

// Most deadlines are met: that of a call that is gone stays in the heap until it is the earliest,
// or until such are most. A timer is set only when the earliest moved forward.
void ChannelCore::addDeadline(Timestamp when, SlotId call) {
  if (deadlines_.size() > kFewStale + 2 * calls_.size()) {
    std::erase_if(deadlines_, [this](const Deadline& d) { return calls_.find(d.call) == nullptr; });
    std::make_heap(deadlines_.begin(), deadlines_.end());
  }
  deadlines_.push_back({when, call});
  std::push_heap(deadlines_.begin(), deadlines_.end());
  if (when < armed_) arm();
}

void ChannelCore::arm() {
  loop_.cancel(timer_);
  armed_ = deadlines_.front().when;
  timer_ = loop_.runAt(armed_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->expire();
  });
}

void ChannelCore::expire() {
  std::vector<std::uint64_t> toldToStop;
  TcpConnectionPtr connection;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    connection = connection_;
    armed_ = Timestamp::max();
    const Timestamp now = Clock::now();
    while (!deadlines_.empty()) {
      const Deadline first = deadlines_.front();
      Call* const call = calls_.find(first.call);
      if (call != nullptr && first.when > now) break;
      std::pop_heap(deadlines_.begin(), deadlines_.end());
      deadlines_.pop_back();
      if (call == nullptr) continue;
      if (call->waiting == nullptr) toldToStop.push_back(first.call.packed());
      end(take(first.call, *call), Error::kDeadlineExceeded);
    }
    if (!deadlines_.empty()) arm();
  }
  if (connection != nullptr) {
    for (const std::uint64_t call : toldToStop) sendCancel(connection, call);
  }
  runReady();
}

// --- the end of calls ---

// With the lock held the loop can't be gone: close() comes before that.
void ChannelCore::end(Call call, Error error, std::string why) {
  ready_.push_back({std::move(call), error, std::move(why)});
  if (closed_ || std::exchange(runQueued_, true)) return;
  loop_.queueInLoop([self = shared_from_this()] { self->runReady(); });
}

void ChannelCore::endAll(bool sentOnes, bool waitingOnes, Error error, const std::string& why) {
  calls_.forEach([&](SlotId id, Call& call) {
    const bool wanted = call.waiting == nullptr ? sentOnes : waitingOnes;
    if (wanted) end(take(id, call), error, why);
  });
}

// Those that are there now: a `done` whose next call fails at once must not keep the loop here. A
// `done` that throws leaves the rest to the functor that end() has queued.
void ChannelCore::runReady() {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    runQueued_ = false;
    count = ready_.size();
  }
  const auto next = [this]() -> std::optional<Ended> {
    const std::lock_guard lock(mutex_);
    if (ready_.empty()) return std::nullopt;
    std::optional<Ended> ended = std::move(ready_.front());
    ready_.pop_front();
    return ended;
  };
  const auto queueRest = [this] {
    const std::lock_guard lock(mutex_);
    if (closed_ || ready_.empty() || std::exchange(runQueued_, true)) return;
    loop_.queueInLoop([self = shared_from_this()] { self->runReady(); });
  };
  try {
    for (; count > 0; --count) {
      const std::optional<Ended> ended = next();
      if (!ended) return;
      finish(ended->call, ended->error, ended->why);
    }
  } catch (...) {
    queueRest();
    throw;
  }
}

void ChannelCore::runAll() noexcept {
  const auto empty = [this] {
    const std::lock_guard lock(mutex_);
    return ready_.empty();
  };
  while (!empty()) {
    try {
      runReady();
    } catch (const std::exception& error) {
      log(LogLevel::kError,
          std::string("rpc: a callback threw as its channel ended: ") + error.what());
    } catch (...) {
      log(LogLevel::kError, "rpc: a callback threw as its channel ended");
    }
  }
}

void ChannelCore::finish(const Call& call, std::error_code error, std::string_view why) {
  call.controller->error_ = error;
  call.controller->text_ = why;
  call.done->Run();
}

}  // namespace tern::rpc
