// Parse: a payload as a message.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <limits>
#include <string_view>

namespace tern::rpc {

/// False when it is none, or lacks required fields: of which ParseFromArray() would tell the
/// standard error, as often as a peer likes.
[[nodiscard]] inline bool parse(std::string_view bytes, google::protobuf::MessageLite& message) {
  return bytes.size() <= std::size_t{std::numeric_limits<int>::max()} &&
         message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         message.IsInitialized();
}

}  // namespace tern::rpc
