// KeyHash: SipHash, so that nobody who does not know the seed can find keys that collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tern::kv {

/// SipHash-c-d of Aumasson and Bernstein: c rounds for each eight bytes, d at the end.
template <int c, int d>
class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1) noexcept : k0_(k0), k1_(k1) {}
  [[nodiscard]] std::uint64_t operator()(std::string_view bytes) const noexcept;

 private:
  std::uint64_t k0_;
  std::uint64_t k1_;
};

/// What hash tables use: fewer rounds, and keys that can't be seen through bucket order alone.
using KeyHash = SipHash<1, 3>;
/// The variant that the authors publish results for.
using ReferenceHash = SipHash<2, 4>;

/// With a seed from the system's randomness.
KeyHash randomKeyHash();

}  // namespace tern::kv
