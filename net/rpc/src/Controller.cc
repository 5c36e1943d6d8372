// Controller: what does not concern a channel alone.
#include "tern/rpc/Controller.h"

#include "ChannelCore.h"
#include "tern/base/Error.h"

namespace tern::rpc {

std::string Controller::ErrorText() const {
  if (!error_) return {};
  return text_.empty() ? error_.message() : error_.message() + ": " + text_;
}

void Controller::Reset() {
  timeout_.reset();
  error_ = {};
  text_.clear();
  cancelWanted_ = false;
  call_ = 0;
}

// Either this sees the call, or the call, as it begins, sees that it is not wanted.
void Controller::StartCancel() {
  cancelWanted_ = true;
  if (const std::uint64_t call = call_; call != 0) core_->cancel(call);
}

void Controller::SetFailed(const std::string& reason) {
  contractViolation("SetFailed(\"" + reason + "\") was called on a client's controller");
}

void Controller::NotifyOnCancel(google::protobuf::Closure* /*callback*/) {
  contractViolation("NotifyOnCancel() was called on a client's controller");
}

}  // namespace tern::rpc
