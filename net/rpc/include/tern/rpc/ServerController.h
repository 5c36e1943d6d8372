// ServerController: one call, as the method that serves it sees it.
#pragma once

#include <google/protobuf/service.h>

#include "tern/base/Clock.h"

namespace tern::rpc {

/// What methods of a Server get as their RpcController. Valid until they run `done`. Any thread,
/// but SetFailed() is for one at a time, and not for after `done`.
class ServerController : public google::protobuf::RpcController {
 public:
  /// When the client gives up, as far as this machine can tell; Timestamp::max(): never.
  [[nodiscard]] virtual Timestamp deadline() const noexcept = 0;

  /// The client gets Error::kServerFailure and this text, of which up to 1024 bytes are sent.
  void SetFailed(const std::string& reason) override = 0;
  /// The client cancelled the call, its deadline made it do so, or its connection is gone. `done`
  /// must run nevertheless.
  [[nodiscard]] bool IsCanceled() const override = 0;
  /// Runs the callback once: when the call is cancelled, on the connection's loop; at once if it
  /// has been; if it ends without, then on that loop or on the thread that ran `done`. Once a
  /// call.
  void NotifyOnCancel(google::protobuf::Closure* callback) override = 0;

 private:
  // For clients: they abort with a sentence, but for Failed() and ErrorText(), which tell what
  // SetFailed() said.
  void Reset() override = 0;
  void StartCancel() override = 0;
};

}  // namespace tern::rpc
