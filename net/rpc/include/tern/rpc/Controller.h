// Controller: one call, as its client sees it: timeout, cancellation, outcome.
#pragma once

#include <google/protobuf/service.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "tern/base/Clock.h"
#include "tern/rpc/Error.h"

namespace tern::rpc {

class ChannelCore;

/// The caller's; alive from CallMethod() until `done` runs, and of one call at a time. It may be
/// used again for a further call; what setTimeout() and StartCancel() said holds until Reset().
/// Methods are for the thread that makes the call, and, once `done` runs, for that; StartCancel()
/// is for any.
class Controller final : public google::protobuf::RpcController {
 public:
  Controller() = default;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() override = default;

  /// How long the call may take, from CallMethod() on; the channel's own timeout if this is not
  /// called. Zero or less fails at once; kForever: there is no deadline.
  void setTimeout(Delay timeout) { timeout_ = timeout.value(); }

  /// Of the last call: empty for success. Its category is errorCategory().
  [[nodiscard]] std::error_code errorCode() const noexcept { return error_; }
  [[nodiscard]] bool Failed() const override { return static_cast<bool>(error_); }
  /// The error's name, and what more is known.
  [[nodiscard]] std::string ErrorText() const override;

  void Reset() override;
  /// Ends the call, if it has not ended: `done` runs soon, on the loop's thread, with kCancelled;
  /// the server is told. Called before the call, cancels that. Any thread, while this is alive.
  void StartCancel() override;
  /// Whether the last call ended so.
  [[nodiscard]] bool IsCanceled() const override { return error_ == Error::kCancelled; }

  /// For methods of a server, which get a controller of another kind: these abort with a sentence.
  void SetFailed(const std::string& reason) override;
  void NotifyOnCancel(google::protobuf::Closure* callback) override;

 private:
  friend class ChannelCore;

  std::optional<Duration> timeout_;
  std::error_code error_;
  std::string text_;
  std::atomic<bool> cancelWanted_{false};
  std::atomic<std::uint64_t> call_{0};  // after which core_ is valid
  std::shared_ptr<ChannelCore> core_;   // of the last call
};

}  // namespace tern::rpc
