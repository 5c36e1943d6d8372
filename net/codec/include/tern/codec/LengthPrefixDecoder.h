// LengthPrefixDecoder: finds frames that begin with their length. Pure: bytes in, a verdict out.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "tern/codec/DecodedFrame.h"

namespace tern {

/// How many bytes the length takes. It counts the payload alone, as an unsigned number.
enum class PrefixSize : std::uint8_t { k1 = 1, k2 = 2, k4 = 4, k8 = 8 };

/// Immutable: any number of threads and connections may use one.
class LengthPrefixDecoder {
 public:
  /// What has to be kept between two calls: nothing, the prefix is read anew.
  struct State {};

  /// `maxLength` bounds the payload; what the prefix can't express bounds it, too.
  constexpr LengthPrefixDecoder(PrefixSize size, std::endian order, std::size_t maxLength) noexcept
      : maxLength_(std::min<std::uint64_t>(maxLength, greatest(size))),
        size_(size),
        swapped_(order != std::endian::native) {}

  /// Looks at the frame at the beginning of `bytes`. A length above the bound is kTooLong as soon
  /// as the prefix is there; it is never added to anything.
  [[nodiscard]] DecodedFrame decode(std::string_view bytes, State& /*state*/) const noexcept {
    const std::size_t prefix = prefixBytes();
    if (bytes.size() < prefix) return {};
    const std::uint64_t length = lengthAt(bytes.data());
    if (length > maxLength_) return {DecodedFrame::Status::kTooLong, {}, 0};
    const auto payload = static_cast<std::size_t>(length);
    if (bytes.size() - prefix < payload) return {};
    return {DecodedFrame::Status::kComplete, {bytes.data() + prefix, payload}, prefix + payload};
  }

  /// Writes the prefix of a payload of that length, at most maxLength(), to `out`: prefixBytes().
  void writePrefix(std::size_t length, char* out) const noexcept {
    switch (size_) {
      case PrefixSize::k1:
        return store<std::uint8_t>(length, out);
      case PrefixSize::k2:
        return store<std::uint16_t>(length, out);
      case PrefixSize::k4:
        return store<std::uint32_t>(length, out);
      case PrefixSize::k8:
        return store<std::uint64_t>(length, out);
    }
  }

  [[nodiscard]] std::size_t prefixBytes() const noexcept { return static_cast<std::size_t>(size_); }
  [[nodiscard]] std::size_t maxLength() const noexcept { return maxLength_; }

 private:
  static constexpr std::uint64_t greatest(PrefixSize size) noexcept {
    return std::numeric_limits<std::uint64_t>::max() >> (64U - 8U * static_cast<unsigned>(size));
  }

  [[nodiscard]] std::uint64_t lengthAt(const char* prefix) const noexcept {
    switch (size_) {
      case PrefixSize::k1:
        return load<std::uint8_t>(prefix);
      case PrefixSize::k2:
        return load<std::uint16_t>(prefix);
      case PrefixSize::k4:
        return load<std::uint32_t>(prefix);
      case PrefixSize::k8:
        return load<std::uint64_t>(prefix);
    }
    return 0;
  }

  template <class Int>
  [[nodiscard]] Int load(const char* from) const noexcept {
    Int value;
    std::memcpy(&value, from, sizeof value);
    return inOrder(value);
  }
  template <class Int>
  void store(std::size_t length, char* out) const noexcept {
    const Int value = inOrder(static_cast<Int>(length));
    std::memcpy(out, &value, sizeof value);
  }
  /// Between the wire's byte order and ours.
  template <class Int>
  [[nodiscard]] Int inOrder(Int value) const noexcept {
    if (!swapped_) return value;
    auto bytes = std::bit_cast<std::array<char, sizeof value>>(value);
    std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<Int>(bytes);
  }

  std::size_t maxLength_;
  PrefixSize size_;
  bool swapped_;
};

}  // namespace tern
