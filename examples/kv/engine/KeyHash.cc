// KeyHash: SipHash on words of eight bytes.
#include "KeyHash.h"

#include <bit>
#include <cstring>
#include <random>

namespace tern::kv {
namespace {

struct State {
  std::uint64_t v0;
  std::uint64_t v1;
  std::uint64_t v2;
  std::uint64_t v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  template <int rounds>
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    for (int i = 0; i < rounds; ++i) round();
    v0 ^= word;
  }
};

// Little-endian, whatever the machine is.
std::uint64_t word(const char* bytes, std::size_t length) noexcept {
  std::uint64_t result = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&result, bytes, length);
  } else {
    for (std::size_t i = 0; i < length; ++i) {
      result |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
  }
  return result;
}

}  // namespace

template <int c, int d>
std::uint64_t SipHash<c, d>::operator()(std::string_view bytes) const noexcept {
  State state{k0_ ^ 0x736f6d6570736575U, k1_ ^ 0x646f72616e646f6dU, k0_ ^ 0x6c7967656e657261U,
              k1_ ^ 0x7465646279746573U};
  const char* at = bytes.data();
  const std::size_t words = bytes.size() / 8;
  for (std::size_t i = 0; i < words; ++i, at += 8) state.template take<c>(word(at, 8));
  const std::uint64_t length = std::uint64_t{bytes.size()} << 56U;
  const std::size_t left = bytes.size() % 8;
  state.template take<c>(length | (left == 0 ? 0 : word(at, left)));
  state.v2 ^= 0xFFU;
  for (int i = 0; i < d; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

template class SipHash<1, 3>;
template class SipHash<2, 4>;

KeyHash randomKeyHash() {
  std::random_device source;
  const auto next = [&] { return (std::uint64_t{source()} << 32U) | source(); };
  const std::uint64_t k0 = next();
  return {k0, next()};
}

}  // namespace tern::kv
