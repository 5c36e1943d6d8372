// DecodedFrame: what a decoder found at the beginning of some bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tern {

struct DecodedFrame {
  enum class Status : std::uint8_t {
    kIncomplete,  ///< ask again with more bytes behind the same ones
    kComplete,
    kTooLong,  ///< nothing behind this point can be understood
  };

  Status status = Status::kIncomplete;
  std::string_view payload;  ///< inside the bytes given
  std::size_t consumed = 0;  ///< bytes of the whole frame
};

}  // namespace tern
