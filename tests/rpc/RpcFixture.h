// RpcFixture: a server whose methods do what a test says, and calls whose outcome can be waited
// for.
#pragma once

#include <tern/rpc/Channel.h>
#include <tern/rpc/Frame.h>
#include <tern/rpc/Server.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "probe.pb.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {

/// A call that Act() was asked to answer, later.
struct Held {
  google::protobuf::RpcController* controller;
  std::string request;
  Text* reply;
  google::protobuf::Closure* done;

  void answer() const {
    reply->set_text(request);
    done->Run();
  }
};

class ProbeService final : public Probe {
 public:
  void Echo(google::protobuf::RpcController* controller, const Text* request, Text* reply,
            google::protobuf::Closure* done) override;
  /// Without a test's own act, the call is held.
  void Act(google::protobuf::RpcController* controller, const Text* request, Text* reply,
           google::protobuf::Closure* done) override;

  std::function<void(const Held&)> act;
  Mailbox<Held> held;
};

struct Outcome {
  std::error_code error;
  std::string text;  ///< the reply's, or the error's
  bool onLoop;       ///< `done` ran on the channel's loop
};

/// One call, with all that it needs. Fails the test unless `done` ran once, if the call was made.
class ProbeCall final : public google::protobuf::Closure {
 public:
  explicit ProbeCall(std::string text = "question") { request.set_text(std::move(text)); }
  ~ProbeCall() override { EXPECT_EQ(runs, made) << "times that `done` ran"; }

  void echo(rpc::Channel& channel);
  void act(rpc::Channel& channel);
  void Run() override;

  rpc::Controller controller;
  Text request;
  Text reply;
  Mailbox<Outcome> outcome;
  std::function<void()> onDone;
  std::atomic<int> made{0};
  std::atomic<int> runs{0};

 private:
  rpc::Channel* channel_ = nullptr;
};

class RpcFixture : public ServerFixture {
 protected:
  void TearDown() override;

  /// Starts the server, with the service.
  void serveRpc(const rpc::ServerOptions& options = {}, std::size_t threads = 0);
  /// Starts the loop, with a server that nobody uses.
  void serveNothing();
  /// A channel on the loop: to the server, or to a test that plays one.
  rpc::Channel& makeChannel(const rpc::ChannelOptions& options = {});
  rpc::Channel& makeChannelTo(const SocketAddress& to, const rpc::ChannelOptions& options = {});
  [[nodiscard]] rpc::Channel& channel() { return *channel_; }
  void endChannel() { channel_.reset(); }

  /// Makes calls that the server has, and does not answer.
  void holdCalls(int count);
  void answerHeld();
  /// Waits for the ends of those calls.
  void expectAll(rpc::Error error);

  /// An Echo that waits.
  std::error_code echo(const std::string& text = "are you there?");
  /// No frame is lost, or taken for another.
  void expectWorks() { EXPECT_EQ(echo(), std::error_code()); }

  /// Frames as peers see them, with their length.
  static std::string onWire(const rpc::Frame& frame);
  static std::string withLength(std::string_view bytes);
  /// The next frame that a peer gets, without its length.
  static std::string receiveFrame(Peer& peer);

  ProbeService service;
  std::vector<std::unique_ptr<ProbeCall>> calls_;
  Mailbox<TcpConnectionPtr> rpcUps;
  Mailbox<TcpConnectionPtr> rpcDowns;

 private:
  std::unique_ptr<rpc::Channel> channel_;
};

}  // namespace tern::testing
