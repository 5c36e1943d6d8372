// ServerCall: one call on its way through a method: its controller, its messages, and its `done`.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/service.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "Session.h"
#include "tern/base/Clock.h"
#include "tern/rpc/Frame.h"
#include "tern/rpc/ServerController.h"

namespace tern::rpc {

/// What a service's method needs to be called.
struct Method {
  google::protobuf::Service* service = nullptr;
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const google::protobuf::Message* request = nullptr;  // prototypes
  const google::protobuf::Message* response = nullptr;
  std::size_t index = 0;
};

/// Answers at the end of `done`, or of start(). Its memory is its own business: it goes back to the
/// pool of its loop's thread, or is deleted, when both method and `done` are over.
class ServerCall final : public ServerController, public google::protobuf::Closure {
 public:
  explicit ServerCall(const Method& method);
  ~ServerCall() override;

  [[nodiscard]] google::protobuf::Message& request() noexcept { return *request_; }
  /// Calls the method, whose request has been parsed.
  static void start(std::unique_ptr<ServerCall> call, const std::shared_ptr<Session>& session,
                    const TcpConnectionPtr& connection, const Frame& frame, Timestamp deadline);

  // --- for its session, which holds its lock ---

  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  void setEnded() noexcept { ended_ = true; }
  /// Whom to tell, if anyone, once the lock is free.
  google::protobuf::Closure* cancelled() noexcept;

  // --- for its method ---

  [[nodiscard]] Timestamp deadline() const noexcept override { return deadline_; }
  void SetFailed(const std::string& reason) override;
  [[nodiscard]] bool IsCanceled() const override { return cancelled_; }
  void NotifyOnCancel(google::protobuf::Closure* callback) override;
  [[nodiscard]] bool Failed() const override { return failed_; }
  [[nodiscard]] std::string ErrorText() const override { return failure_; }
  void Run() override;

 private:
  friend class CallPool;

  void Reset() override;
  void StartCancel() override;
  void runMethod();
  void reply(const TcpConnectionPtr& connection);
  template <class Use>
  void withReply(Use&& use);
  void clear();
  static void end(std::unique_ptr<ServerCall> call);

  const Method& method_;
  const std::unique_ptr<google::protobuf::Message> request_;
  const std::unique_ptr<google::protobuf::Message> response_;
  std::shared_ptr<Session> session_;
  std::uint64_t number_ = 0;
  Timestamp deadline_ = Timestamp::max();
  std::size_t bytes_ = 0;  // of the request and the reply
  // The thread that is inside the method, called by start().
  std::atomic<const void*> starting_{nullptr};
  bool doneInStart_ = false;
  bool failed_ = false;
  std::string failure_;
  std::atomic<bool> cancelled_{false};
  bool ended_ = false;                             // guarded by the session
  google::protobuf::Closure* onCancel_ = nullptr;  // guarded by the session
};

/// Calls that are over, to be used again: what their messages have allocated is worth keeping.
/// Belongs to a thread.
class CallPool {
 public:
  explicit CallPool(std::size_t methods) : calls_(methods) {}

  [[nodiscard]] std::unique_ptr<ServerCall> get(const Method& method);
  void put(std::unique_ptr<ServerCall> call);
  /// Whether the calling thread is the pool's.
  [[nodiscard]] bool isOwner() const noexcept;

 private:
  const void* const owner_ = threadNow();
  static const void* threadNow() noexcept;
  std::vector<std::vector<std::unique_ptr<ServerCall>>> calls_;  // by Method::index
};

/// Runs each, and then throws what the last to throw has thrown.
void runAll(const std::vector<google::protobuf::Closure*>& closures);

}  // namespace tern::rpc
