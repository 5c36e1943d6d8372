// DelimiterDecoder: finds frames that end with a delimiter. Pure: bytes in, a verdict out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tern/codec/DecodedFrame.h"

namespace tern {

/// Immutable: any number of threads and connections may use one, each connection with a State of
/// its own. Linear in time, whatever the bytes and however they are split: each byte is searched
/// once.
class DelimiterDecoder {
 public:
  /// How far the frame at the beginning of the bytes was searched.
  struct State {
    std::size_t scanned = 0;
    std::size_t matched = 0;  ///< how many bytes of the delimiter the scanned ones end with

    [[nodiscard]] bool begun() const noexcept { return scanned > 0; }
  };

  /// Whether a CR right before the delimiter belongs to it.
  enum class CarriageReturn : std::uint8_t { kIsPayload, kIsDropped };

  /// `maxLength` bounds the payload, without its end. Throws std::invalid_argument when the
  /// delimiter is empty.
  DelimiterDecoder(std::string delimiter, std::size_t maxLength,
                   CarriageReturn carriageReturn = CarriageReturn::kIsPayload);

  /// Looks at the frame at the beginning of `bytes`. With kIncomplete, call again with the same
  /// state and more bytes behind the same ones; else the state is ready for the next frame.
  /// kTooLong comes with the first byte that makes it so, delimiter or not.
  [[nodiscard]] DecodedFrame decode(std::string_view bytes, State& state) const noexcept;

  /// Whether decode() would make this one frame of it, if `end` followed.
  [[nodiscard]] bool separates(std::string_view frame, std::string_view end) const noexcept;

  [[nodiscard]] const std::string& delimiter() const noexcept { return delimiter_; }
  [[nodiscard]] std::size_t maxLength() const noexcept { return maxLength_; }

 private:
  /// Searches from state.scanned on; true when state.scanned is where the delimiter ends.
  bool search(std::string_view bytes, State& state) const noexcept;
  [[nodiscard]] std::size_t payloadLength(std::string_view bytes,
                                          const State& state) const noexcept;

  std::string delimiter_;
  std::size_t maxLength_;
  std::size_t maxSearched_;  // a longest frame and its end
  bool dropsCarriageReturn_;
  // By number of matched bytes less one: how many are still matched when the next byte is not the
  // delimiter's (Knuth, Morris and Pratt).
  std::vector<std::size_t> fallback_;
};

}  // namespace tern
