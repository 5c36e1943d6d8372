// ChannelCore: the calls of a channel, from CallMethod() to `done`.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/service.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tern/base/Clock.h"
#include "tern/base/SlotTable.h"
#include "tern/codec/LengthPrefixCodec.h"
#include "tern/net/Callbacks.h"
#include "tern/net/TimerId.h"
#include "tern/rpc/Channel.h"
#include "tern/rpc/Frame.h"

namespace tern::rpc {

class OutgoingFrame;

/// A mutex guards all that changes, so that a call from any thread is made, and sent, right there.
/// No callback runs with it locked. Whoever takes a call out of the table owes its `done`.
class ChannelCore : public std::enable_shared_from_this<ChannelCore> {
 public:
  ChannelCore(EventLoop& loop, const ChannelOptions& options);

  // --- any thread ---

  void call(const google::protobuf::MethodDescriptor& method, Controller& controller,
            const google::protobuf::Message& request, google::protobuf::Message& response,
            google::protobuf::Closure& done);
  void cancel(std::uint64_t call);
  [[nodiscard]] bool connected() const;
  [[nodiscard]] std::size_t inFlight() const;

  // --- the loop's thread ---

  void onConnection(const TcpConnectionPtr& connection);
  void onFrame(const TcpConnectionPtr& connection, std::string_view bytes);
  /// All calls that went over the connection fail; it has none any more.
  void lost(const TcpConnectionPtr& connection, Error error, const std::string& why);
  void connectFailed(std::error_code error, bool final);
  /// Takes no more of the connection, and fails all calls; runAll() must follow.
  void close();
  void runAll() noexcept;

  [[nodiscard]] const LengthPrefixCodec& codec() const noexcept { return codec_; }

 private:
  struct Call {
    Controller* controller = nullptr;
    google::protobuf::Message* response = nullptr;
    google::protobuf::Closure* done = nullptr;
    Timestamp deadline = Timestamp::max();
    std::size_t bytes = 0;
    std::unique_ptr<std::string> waiting;  // the request, until there is a connection
  };
  struct Ended {
    Call call;
    Error error;
    std::string why;
  };
  struct Deadline {
    Timestamp when;
    SlotId call;
    // For the standard's heap, whose top is the greatest.
    bool operator<(const Deadline& other) const noexcept { return when > other.when; }
  };

  // These need the lock.
  [[nodiscard]] std::optional<Error> refusal(const Call& call, Timestamp now) const;
  Call take(SlotId id, Call& call);
  void end(Call call, Error error, std::string why = {});
  void endAll(bool sentOnes, bool waitingOnes, Error error, const std::string& why);
  void addWaiting(SlotId call);
  void addDeadline(Timestamp when, SlotId call);
  void arm();

  void runReady();
  void expire();
  void sendCancel(const TcpConnectionPtr& connection, std::uint64_t call) const;
  static void finish(const Call& call, std::error_code error, std::string_view why);

  EventLoop& loop_;
  const ChannelOptions options_;
  const LengthPrefixCodec codec_;

  mutable std::mutex mutex_;
  SlotTable<Call> calls_;
  std::size_t bytes_ = 0;
  TcpConnectionPtr connection_;
  bool mayConnect_ = true;  // there will be a connection, or connectFailed()
  bool closed_ = false;
  std::deque<SlotId> waiting_;  // those that wait for a connection, and some that did
  std::deque<Ended> ready_;     // ended, but for `done`
  bool runQueued_ = false;
  std::vector<Deadline> deadlines_;  // a heap, with those of calls that are gone
  Timestamp armed_ = Timestamp::max();
  TimerId timer_;
};

}  // namespace tern::rpc
