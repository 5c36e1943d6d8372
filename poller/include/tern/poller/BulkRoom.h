// BulkRoom: how much a bulky stream receives at a time, and the block that all of a poller share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace tern {

/// The larger a receive, the faster bulk moves, and the longer others wait for their turn. So a
/// stream that is bulky may receive kAlone bytes while none but such streams receive, and
/// kBesideOthers as soon as another one does.
class BulkRoom {
 public:
  static constexpr std::size_t kAlone = std::size_t{1024} * 1024;
  static constexpr std::size_t kBesideOthers = std::size_t{256} * 1024;
  /// So many receives of bulky streams in a row, with none of others between them.
  static constexpr unsigned kPatience = 64;

  /// How many bytes the receive may bring that the caller is about to make, and to count, for a
  /// bulky stream; `receives`: how many were counted so far, of all streams.
  std::size_t next(std::uint64_t receives) noexcept {
    const std::uint64_t others = receives - bulky_++;
    if (others != others_) {
      others_ = others;
      inARow_ = 0;
    } else if (inARow_ < kPatience) {
      ++inARow_;
    }
    return inARow_ == kPatience ? kAlone : kBesideOthers;
  }

  /// One of the receives so far, without next(), was of a stream that is or becomes bulky.
  void noteFull() noexcept { ++bulky_; }

  /// Of kAlone bytes, made when first asked for; empty when there is no memory for it.
  std::span<char> block() noexcept;

 private:
  std::uint64_t bulky_ = 0;   // receives of bulky streams
  std::uint64_t others_ = 0;  // receives of others, when next() last looked
  unsigned inARow_ = 0;
  std::unique_ptr<char[]> block_;
};

}  // namespace tern
