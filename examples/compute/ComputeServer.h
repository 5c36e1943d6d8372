// ComputeServer: reads lines on the loops, and has the compute threads answer them.
#pragma once

#include <tern/codec/LineCodec.h>
#include <tern/net/Callbacks.h>

#include <cstddef>
#include <string_view>

#include "ComputePool.h"

namespace tern {
class TcpServer;
}

namespace tern::compute {

struct ComputeOptions {
  std::size_t threads = 1;        ///< that compute
  std::size_t mostWaiting = 256;  ///< puzzles of a connection, above which it is not read from
};

/// Sets a server's callbacks, and so must outlive it and its loops.
class ComputeServer {
 public:
  /// On the thread of the server's loop, before start().
  ComputeServer(TcpServer& server, const ComputeOptions& options);
  ComputeServer(const ComputeServer&) = delete;
  ComputeServer& operator=(const ComputeServer&) = delete;

 private:
  void connected(const TcpConnectionPtr& connection) const;
  void receive(const TcpConnectionPtr& connection, std::string_view line);
  void accept(const TcpConnectionPtr& connection, std::string_view id, std::string_view puzzle);
  void sayLast(const TcpConnectionPtr& connection, std::string_view error) const;

  const ComputeOptions options_;
  const LineCodec codec_;
  ComputePool pool_;
};

}  // namespace tern::compute
