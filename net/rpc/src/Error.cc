// Error: the sentences of the category "tern.rpc".
#include "tern/rpc/Error.h"

#include <string>

namespace tern::rpc {
namespace {

class ErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tern.rpc"; }
  [[nodiscard]] std::string message(int number) const override {
    switch (static_cast<Error>(number)) {
      case Error::kDeadlineExceeded:
        return "deadline exceeded";
      case Error::kCancelled:
        return "cancelled";
      case Error::kUnavailable:
        return "server unavailable";
      case Error::kUnknownMethod:
        return "unknown method";
      case Error::kBadRequest:
        return "bad request";
      case Error::kBadReply:
        return "bad reply";
      case Error::kServerFailure:
        return "server failure";
      case Error::kTooManyInFlight:
        return "too many calls in flight";
      case Error::kTooLarge:
        return "message too large";
      case Error::kBadFrame:
        return "bad frame";
      case Error::kClosed:
        return "channel closed";
    }
    return "unknown error " + std::to_string(number);
  }
};

}  // namespace

const std::error_category& errorCategory() noexcept {
  static const ErrorCategory category;
  return category;
}

}  // namespace tern::rpc
