// ByteRange: which part of a file a request asks for.
#pragma once

#include <cstdint>
#include <string_view>

namespace tern::examples {

struct ByteRange {
  enum class Kind : unsigned char { kWhole, kPart, kUnsatisfiable };
  Kind kind = Kind::kWhole;
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
};

/// Understands one range of the form that a Range header has ("bytes=0-99", "bytes=100-",
/// "bytes=-5"), of a file of `size` bytes. Anything else means the whole file, as the standard
/// allows.
ByteRange parseRange(std::string_view header, std::uint64_t size);

}  // namespace tern::examples
