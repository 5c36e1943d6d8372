// ServerCall: methods that answer at once, and methods that answer later, on any thread.
#include "ServerCall.h"

#include <exception>
#include <utility>

#include "OutgoingFrame.h"
#include "ServerCore.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/base/ThreadCheck.h"

namespace tern::rpc {
namespace {

// What a thread keeps of a method's calls, and how large their messages may have been.
constexpr std::size_t kMostKept = 32;
constexpr std::size_t kMostBytesKept = std::size_t{8} * 1024;

}  // namespace

ServerCall::ServerCall(const Method& method)
    : method_(method), request_(method.request->New()), response_(method.response->New()) {}

ServerCall::~ServerCall() = default;

void ServerCall::start(std::unique_ptr<ServerCall> call, const std::shared_ptr<Session>& session,
                       const TcpConnectionPtr& connection, const Frame& frame, Timestamp deadline) {
  call->session_ = session;
  call->number_ = frame.call;
  call->deadline_ = deadline;
  call->bytes_ = frame.payload.size();
  call->runMethod();
  if (call->doneInStart_) {
    call->reply(connection);
    end(std::move(call));
  } else if (ServerCall& running = *call.release(); !session->enter(running)) {
    // `done` ran on another thread before the method returned, and left the rest to us.
    end(std::unique_ptr<ServerCall>(&running));
  }
}

void ServerCall::runMethod() {
  const auto fail = [this](const char* what) {
    if (doneInStart_) {
      log(LogLevel::kError,
          "rpc: " + method_.descriptor->full_name() + " threw after its end: " + what);
      return;
    }
    SetFailed(what);
    doneInStart_ = true;
  };
  starting_.store(ThreadCheck::thisThread(), std::memory_order_relaxed);
  try {
    method_.service->CallMethod(method_.descriptor, this, request_.get(), response_.get(), this);
  } catch (const std::exception& error) {
    fail(error.what());
  } catch (...) {
    fail("an exception of an unknown type");
  }
  starting_.store(nullptr, std::memory_order_relaxed);
}

void ServerCall::Run() {
  // Only the thread that is inside the method can find itself here.
  if (starting_.load(std::memory_order_relaxed) == ThreadCheck::thisThread()) {
    if (doneInStart_) {
      contractViolation("the `done` of a call of " + method_.descriptor->full_name() +
                        " ran twice");
    }
    doneInStart_ = true;
    return;
  }
  // From leave() on the client may use the number again, and start() may delete this.
  const std::shared_ptr<Session> session = session_;
  std::string bytes;
  const TcpConnectionPtr connection = session->connection();
  if (connection != nullptr) {
    withReply([&bytes](OutgoingFrame& frame) { bytes = frame.take(); });
  }
  const bool entered = session->leave(*this);
  if (connection != nullptr) session->core().codec().send(connection, std::move(bytes));
  session->answered(connection);
  if (entered) end(std::unique_ptr<ServerCall>(this));
}

void ServerCall::reply(const TcpConnectionPtr& connection) {
  withReply([&](OutgoingFrame& frame) { frame.send(session_->core().codec(), connection); });
}

template <class Use>
void ServerCall::withReply(Use&& use) {
  const ServerCore& core = session_->core();
  const auto fail = [&](Error error, std::string_view why) {
    OutgoingFrame frame = core.failure(number_, error, why);
    use(frame);
  };
  if (failed_) return fail(Error::kServerFailure, failure_);
  if (!response_->IsInitialized()) {
    return fail(Error::kServerFailure, "required fields of the reply are missing");
  }
  const std::size_t size = response_->ByteSizeLong();
  bytes_ += size;
  if (size > core.codec().maxLength() - kFrameHeader) {
    return fail(Error::kTooLarge, "a reply of " + std::to_string(size) + " bytes");
  }
  OutgoingFrame frame({}, size);
  frame.serialize(*response_);
  frame.seal(FrameType::kReply, number_);
  use(frame);
}

void ServerCall::end(std::unique_ptr<ServerCall> call) {
  const std::shared_ptr<Session> session = std::move(call->session_);
  google::protobuf::Closure* const onCancel = std::exchange(call->onCancel_, nullptr);
  if (session->pool().isOwner()) session->pool().put(std::move(call));
  call.reset();
  if (onCancel != nullptr) onCancel->Run();
}

void ServerCall::clear() {
  request_->Clear();
  response_->Clear();
  bytes_ = 0;
  doneInStart_ = false;
  failed_ = false;
  failure_.clear();
  cancelled_.store(false, std::memory_order_relaxed);
  ended_ = false;
}

google::protobuf::Closure* ServerCall::cancelled() noexcept {
  cancelled_ = true;
  return std::exchange(onCancel_, nullptr);
}

void ServerCall::SetFailed(const std::string& reason) {
  failed_ = true;
  failure_ = reason;
}

void ServerCall::NotifyOnCancel(google::protobuf::Closure* callback) {
  {
    const std::lock_guard lock(session_->mutex());
    if (!cancelled_) {
      onCancel_ = callback;
      return;
    }
  }
  callback->Run();
}

void ServerCall::Reset() { contractViolation("Reset() was called on a server's controller"); }

void ServerCall::StartCancel() {
  contractViolation("StartCancel() was called on a server's controller");
}

const void* CallPool::threadNow() noexcept { return ThreadCheck::thisThread(); }

bool CallPool::isOwner() const noexcept { return owner_ == threadNow(); }

std::unique_ptr<ServerCall> CallPool::get(const Method& method) {
  auto& free = calls_[method.index];
  if (free.empty()) return std::make_unique<ServerCall>(method);
  std::unique_ptr<ServerCall> call = std::move(free.back());
  free.pop_back();
  return call;
}

void CallPool::put(std::unique_ptr<ServerCall> call) {
  auto& free = calls_[call->method_.index];
  if (free.size() >= kMostKept || call->bytes_ > kMostBytesKept) return;
  call->clear();
  free.push_back(std::move(call));
}

void runAll(const std::vector<google::protobuf::Closure*>& closures) {
  std::exception_ptr thrown;
  for (google::protobuf::Closure* const closure : closures) {
    try {
      closure->Run();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tern::rpc
