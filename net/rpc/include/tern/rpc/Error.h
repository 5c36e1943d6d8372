// Error: how a remote call can fail.
#pragma once

#include <system_error>
#include <type_traits>

namespace tern::rpc {

/// As std::error_code: `if (controller.errorCode() == rpc::Error::kDeadlineExceeded)`. The numbers
/// are what frames carry, and do not change.
enum class Error : unsigned char {
  kDeadlineExceeded = 1,  ///< no reply in time; the method may have run, or still run
  kCancelled = 2,         ///< StartCancel() was called
  kUnavailable = 3,       ///< no connection, or it was lost (then the method may have run), or the
                          ///< server is stopping
  kUnknownMethod = 4,     ///< the server has no such service or method
  kBadRequest = 5,        ///< it lacks required fields, or the server can't parse it
  kBadReply = 6,          ///< it can't be parsed
  kServerFailure = 7,     ///< the method failed, or threw; the text says why
  kTooManyInFlight = 8,   ///< the channel, or the server, has as many calls as it takes
  kTooLarge = 9,          ///< the request, or the reply, is longer than a frame may be
  kBadFrame = 10,         ///< the connection was closed because of bytes that are no frame
  kClosed = 11,           ///< the channel is being destroyed: do not call it again
};

/// "tern.rpc"
[[nodiscard]] const std::error_category& errorCategory() noexcept;

// The standard's name for it.
// NOLINTNEXTLINE(readability-identifier-naming)
[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
  return {static_cast<int>(error), errorCategory()};
}

}  // namespace tern::rpc

template <>
struct std::is_error_code_enum<tern::rpc::Error> : std::true_type {};
