// ServerCore: the methods that there are, and what is done with each frame.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ServerCall.h"
#include "tern/codec/LengthPrefixCodec.h"
#include "tern/rpc/Server.h"

namespace tern::rpc {

class OutgoingFrame;

/// Shared by the servers it is attached to; from the first on it does not change, but for the
/// pools.
class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(const ServerOptions& options);

  void add(google::protobuf::Service& service);
  void attach(TcpServer& server, ConnectionCallback onConnection);

  [[nodiscard]] const LengthPrefixCodec& codec() const noexcept { return codec_; }
  /// As much of the text as is sent. Any thread.
  [[nodiscard]] OutgoingFrame failure(std::uint64_t call, Error error, std::string_view text) const;

 private:
  struct NameHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's
    std::size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>()(name);
    }
  };

  void onFrame(const TcpConnectionPtr& connection, std::string_view bytes,
               Timestamp received) const;
  void onRequest(const TcpConnectionPtr& connection, const std::shared_ptr<Session>& session,
                 const Frame& frame, Timestamp received) const;
  void refuse(const TcpConnectionPtr& connection, std::uint64_t call, Error error,
              std::string_view why) const;
  void breakConnection(const TcpConnectionPtr& connection) const;
  [[nodiscard]] const std::shared_ptr<Session>& sessionOf(const TcpConnectionPtr& connection) const;
  [[nodiscard]] std::shared_ptr<CallPool> poolOfThisThread() const;

  const ServerOptions options_;
  const LengthPrefixCodec codec_;
  std::unordered_map<std::string, Method, NameHash, std::equal_to<>> methods_;
  bool attached_ = false;

  mutable std::mutex mutex_;
  mutable std::map<const void*, std::shared_ptr<CallPool>> pools_;  // by thread; guarded by mutex_
};

}  // namespace tern::rpc
