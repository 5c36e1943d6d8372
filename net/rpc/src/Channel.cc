// Channel: the handle: a client's connection, and the calls over it.
#include "tern/rpc/Channel.h"

#include <future>
#include <typeinfo>
#include <utility>

#include "ChannelCore.h"
#include "tern/base/Error.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpClient.h"
#include "tern/net/TcpConnection.h"

namespace tern::rpc {
namespace {

class Waiter final : public google::protobuf::Closure {
 public:
  void Run() override { over_.set_value(); }
  void wait() { over_.get_future().wait(); }

 private:
  std::promise<void> over_;
};

Controller& clientsOwn(google::protobuf::RpcController* controller) {
  if (controller == nullptr || typeid(*controller) != typeid(Controller)) {
    contractViolation("a call on an rpc::Channel was made without an rpc::Controller");
  }
  return static_cast<Controller&>(*controller);
}

}  // namespace

Channel::Channel(EventLoop* loop, const SocketAddress& server, const ChannelOptions& options)
    : loop_(*loop),
      core_(std::make_shared<ChannelCore>(*loop, options)),
      client_(std::make_unique<TcpClient>(loop, server, "rpc")) {
  client_->setConnectTimeout(options.connectTimeout);
  if (options.retry) client_->setRetry(*options.retry);
  client_->setConnectErrorCallback(
      [core = core_](std::error_code error, std::optional<Duration> retryIn) {
        core->connectFailed(error, !retryIn);
      });
  client_->setConnectionCallback(
      [core = core_](const TcpConnectionPtr& connection) { core->onConnection(connection); });
  client_->setMessageCallback(core_->codec().onMessage(
      [core = core_](const TcpConnectionPtr& connection, std::string_view frame, Timestamp) {
        core->onFrame(connection, frame);
      },
      [core = core_](const TcpConnectionPtr& connection, std::error_code error) {
        core->lost(connection, Error::kBadFrame, error.message());
      },
      Duration::zero()));
  client_->connect();
}

Channel::~Channel() {
  if (loop_.isInLoopThread()) {
    end();
    return;
  }
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> future = ended->get_future();
  loop_.queueInLoop([this, ended = std::move(ended)] {
    end();
    ended->set_value();
  });
  try {
    future.get();
  } catch (const std::future_error&) {
    // A broken promise: the functor was destroyed with its loop.
    end();
  }
}

void Channel::end() {
  core_->close();
  client_.reset();
  core_->runAll();
}

void Channel::CallMethod(const google::protobuf::MethodDescriptor* method,
                         google::protobuf::RpcController* controller,
                         const google::protobuf::Message* request,
                         google::protobuf::Message* response, google::protobuf::Closure* done) {
  Controller& own = clientsOwn(controller);
  if (done != nullptr) {
    core_->call(*method, own, *request, *response, *done);
    return;
  }
  if (loop_.isInLoopThread()) {
    contractViolation("a call of " + method->full_name() +
                      " waits on the loop's thread for what comes from that loop");
  }
  Waiter waiter;
  core_->call(*method, own, *request, *response, waiter);
  waiter.wait();
}

bool Channel::connected() const { return core_->connected(); }

std::size_t Channel::inFlight() const { return core_->inFlight(); }

}  // namespace tern::rpc
