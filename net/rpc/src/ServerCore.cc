// ServerCore: from frames to calls.
#include "ServerCore.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <any>
#include <utility>

#include "OutgoingFrame.h"
#include "Parse.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/base/ThreadCheck.h"
#include "tern/net/TcpConnection.h"
#include "tern/net/TcpServer.h"

namespace tern::rpc {
namespace {

constexpr std::size_t kLongestText = 1024;

Session* existingSession(const TcpConnectionPtr& connection) {
  auto* const session = std::any_cast<std::shared_ptr<Session>>(connection->getMutableContext());
  return session == nullptr ? nullptr : session->get();
}

}  // namespace

ServerCore::ServerCore(const ServerOptions& options)
    : options_(options),
      codec_(LengthPrefixCodec::Options{.maxLength = std::max(options.maxFrame, kFrameHeader)}) {}

void ServerCore::add(google::protobuf::Service& service) {
  const google::protobuf::ServiceDescriptor& descriptor = *service.GetDescriptor();
  if (attached_) {
    contractViolation("the service " + descriptor.full_name() + " was registered after attach()");
  }
  for (int i = 0; i < descriptor.method_count(); ++i) {
    const google::protobuf::MethodDescriptor* const method = descriptor.method(i);
    const bool added =
        methods_
            .try_emplace(method->full_name(),
                         Method{&service, method, &service.GetRequestPrototype(method),
                                &service.GetResponsePrototype(method), methods_.size()})
            .second;
    if (!added) {
      contractViolation("two services named " + descriptor.full_name() + " were registered");
    }
  }
}

void ServerCore::attach(TcpServer& server, ConnectionCallback onConnection) {
  attached_ = true;
  const std::shared_ptr<ServerCore> self = shared_from_this();
  server.setConnectionCallback(
      [onConnection = std::move(onConnection)](const TcpConnectionPtr& connection) {
        if (connection->disconnected()) {
          if (Session* const session = existingSession(connection)) session->cancelAll();
        }
        if (onConnection) onConnection(connection);
      });
  server.setMessageCallback(
      codec_.onMessage([self](const TcpConnectionPtr& connection, std::string_view frame,
                              Timestamp received) { self->onFrame(connection, frame, received); },
                       [self](const TcpConnectionPtr& connection, std::error_code) {
                         self->breakConnection(connection);
                       }));
  server.setDrainCallback([](const TcpConnectionPtr& connection) {
    if (Session* const session = existingSession(connection)) {
      session->drain(connection);
    } else {
      connection->shutdown();
    }
  });
  server.setHighWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->stopRead(); },
      options_.highWaterMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->startRead(); },
      options_.highWaterMark / 4);
}

void ServerCore::onFrame(const TcpConnectionPtr& connection, std::string_view bytes,
                         Timestamp received) const {
  const std::optional<Frame> frame = decodeFrame(bytes);
  if (frame && frame->type == FrameType::kCancel) {
    if (Session* const session = existingSession(connection)) session->cancel(frame->call);
    return;
  }
  if (!frame || frame->type != FrameType::kRequest) return breakConnection(connection);
  const std::shared_ptr<Session>& session = sessionOf(connection);
  if (session->has(frame->call)) return breakConnection(connection);
  onRequest(connection, session, *frame, received);
  // At once, not when the callback comes: small requests may ask for large replies.
  if (connection->outputBytes() > options_.highWaterMark) connection->stopRead();
}

void ServerCore::onRequest(const TcpConnectionPtr& connection,
                           const std::shared_ptr<Session>& session, const Frame& frame,
                           Timestamp received) const {
  const auto fail = [&](Error error, std::string_view why) {
    refuse(connection, frame.call, error, why);
  };
  if (session->draining()) return fail(Error::kUnavailable, "the server is stopping");
  const auto found = methods_.find(frame.method);
  if (found == methods_.end()) return fail(Error::kUnknownMethod, frame.method);
  Timestamp deadline = Timestamp::max();
  if (frame.timeout != 0) {
    deadline = received + std::chrono::milliseconds(frame.timeout);
    if (deadline <= Clock::now()) return fail(Error::kDeadlineExceeded, "not started");
  }
  if (session->running() >= options_.maxInFlight) {
    return fail(Error::kTooManyInFlight, "on this connection");
  }
  std::unique_ptr<ServerCall> call = session->pool().get(found->second);
  if (!parse(frame.payload, call->request())) {
    return fail(Error::kBadRequest, found->second.request->GetTypeName());
  }
  ServerCall::start(std::move(call), session, connection, frame, deadline);
}

OutgoingFrame ServerCore::failure(std::uint64_t call, Error error, std::string_view text) const {
  const std::size_t room = codec_.maxLength() - kFrameHeader;
  return {call, error, text.substr(0, std::min(kLongestText, room))};
}

void ServerCore::refuse(const TcpConnectionPtr& connection, std::uint64_t call, Error error,
                        std::string_view why) const {
  failure(call, error, why).send(codec_, connection);
}

void ServerCore::breakConnection(const TcpConnectionPtr& connection) const {
  log(LogLevel::kWarn, connection->name() + " from " + connection->peerAddress().toIpPort() +
                           ": bytes that are no request; closed");
  refuse(connection, 0, Error::kBadFrame, "the client sent what is no request");
  connection->shutdown();
  connection->forceCloseWithDelay(kFrameErrorCloseDelay);
}

const std::shared_ptr<Session>& ServerCore::sessionOf(const TcpConnectionPtr& connection) const {
  std::any& context = *connection->getMutableContext();
  if (auto* const session = std::any_cast<std::shared_ptr<Session>>(&context)) return *session;
  return context.emplace<std::shared_ptr<Session>>(
      std::make_shared<Session>(shared_from_this(), poolOfThisThread(), connection));
}

// By thread, not by loop: a call that ends asks its thread, and a loop may be gone by then.
std::shared_ptr<CallPool> ServerCore::poolOfThisThread() const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<CallPool>& pool = pools_[ThreadCheck::thisThread()];
  if (pool == nullptr) pool = std::make_shared<CallPool>(methods_.size());
  return pool;
}

Server::Server(const ServerOptions& options) : core_(std::make_shared<ServerCore>(options)) {}

Server::~Server() = default;

void Server::registerService(google::protobuf::Service* service) { core_->add(*service); }

void Server::attach(TcpServer& server, ConnectionCallback onConnection) {
  core_->attach(server, std::move(onConnection));
}

}  // namespace tern::rpc
