// RpcFixture: the two ends.
#include "RpcFixture.h"

#include <tern/codec/LengthPrefixCodec.h>

namespace tern::testing {

void ProbeService::Echo(google::protobuf::RpcController* /*controller*/, const Text* request,
                        Text* reply, google::protobuf::Closure* done) {
  reply->set_text(request->text());
  done->Run();
}

void ProbeService::Act(google::protobuf::RpcController* controller, const Text* request,
                       Text* reply, google::protobuf::Closure* done) {
  const Held call{controller, request->text(), reply, done};
  if (act) {
    act(call);
  } else {
    held.put(call);
  }
}

void ProbeCall::echo(rpc::Channel& channel) {
  ++made;
  channel_ = &channel;
  Probe::Stub(&channel).Echo(&controller, &request, &reply, this);
}

void ProbeCall::act(rpc::Channel& channel) {
  ++made;
  channel_ = &channel;
  Probe::Stub(&channel).Act(&controller, &request, &reply, this);
}

void ProbeCall::Run() {
  ++runs;
  const bool onLoop = channel_->getLoop()->isInLoopThread();
  if (onDone) onDone();
  outcome.put({controller.errorCode(), controller.Failed() ? controller.ErrorText() : reply.text(),
               onLoop});
}

void RpcFixture::TearDown() {
  channel_.reset();
  stop();
  // Who does not answer a call leaks it.
  answerHeld();
}

void RpcFixture::serveRpc(const rpc::ServerOptions& options, std::size_t threads) {
  serve([&](TcpServer& server) {
    server.setThreadNum(threads);
    rpc::Server rpc(options);
    rpc.registerService(&service);
    rpc.attach(server, [this](const TcpConnectionPtr& connection) {
      (connection->connected() ? rpcUps : rpcDowns).put(connection);
    });
  });
}

void RpcFixture::serveNothing() {
  serve([](TcpServer&) {});
}

rpc::Channel& RpcFixture::makeChannel(const rpc::ChannelOptions& options) {
  return makeChannelTo(address(), options);
}

rpc::Channel& RpcFixture::makeChannelTo(const SocketAddress& to,
                                        const rpc::ChannelOptions& options) {
  channel_ = std::make_unique<rpc::Channel>(&loop(), to, options);
  return *channel_;
}

void RpcFixture::holdCalls(int count) {
  for (int i = 0; i < count; ++i) {
    calls_.push_back(std::make_unique<ProbeCall>());
    calls_.back()->controller.setTimeout(kForever);
    calls_.back()->act(channel());
  }
  service.held.awaitTotal(static_cast<std::size_t>(count));
}

void RpcFixture::answerHeld() {
  while (service.held.size() > 0) service.held.take().answer();
}

void RpcFixture::expectAll(rpc::Error error) {
  for (const auto& call : calls_) {
    const Outcome outcome = call->outcome.take();
    EXPECT_EQ(outcome.error, error);
    EXPECT_TRUE(outcome.onLoop);
  }
}

std::error_code RpcFixture::echo(const std::string& text) {
  rpc::Controller controller;
  controller.setTimeout(kPatience);
  Text request;
  Text reply;
  request.set_text(text);
  Probe::Stub(channel_.get()).Echo(&controller, &request, &reply, nullptr);
  EXPECT_TRUE(controller.Failed() || reply.text() == text);
  return controller.errorCode();
}

std::string RpcFixture::onWire(const rpc::Frame& frame) { return withLength(encodeFrame(frame)); }

std::string RpcFixture::withLength(std::string_view bytes) {
  return LengthPrefixCodec(LengthPrefixCodec::Options{.maxLength = bytes.size()}).encode(bytes);
}

std::string RpcFixture::receiveFrame(Peer& peer) {
  std::size_t length = 0;
  for (const char byte : peer.receiveExactly(4)) {
    length = length << 8U | static_cast<unsigned char>(byte);
  }
  return peer.receiveExactly(length);
}

}  // namespace tern::testing
