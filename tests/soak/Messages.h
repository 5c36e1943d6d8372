// Messages: the protocol between the soak's server and its clients: a header, then bytes that are
// part of a pattern known to both.
#pragma once

#include <tern/base/UniqueFd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tern::soak {

enum class Op : std::uint16_t {
  kEcho = 1,   ///< the request comes back
  kSink,       ///< its bytes are compared; the header comes back
  kGet,        ///< the reply is so many bytes
  kFile,       ///< the same, out of a file
  kLater,      ///< the same, after a delay
  kSubscribe,  ///< from now on broadcasts may come between replies
  kBroadcast,  ///< to all that subscribed; to them it comes with id 0
  kIdle,       ///< the server's idle time-out is the delay from now on
  kThrow,      ///< the server's callback answers and throws
  kBye,        ///< the server ends the connection after the reply
  kDrop,       ///< the server closes it by force; there is no reply
};

/// In the host's byte order: both ends are this process.
struct Header {
  static constexpr std::uint32_t kMagic = 0x7e41'50ac;

  std::uint32_t magic = kMagic;
  Op op = Op::kEcho;
  std::uint16_t delayMs = 0;
  std::uint32_t offset = 0;  ///< of the bytes, in the pattern
  std::uint32_t length = 0;  ///< of the bytes that follow, or that are asked for
  std::uint64_t id = 0;
};
static_assert(sizeof(Header) == 24);

/// In place of a header: what follows is no request, and meant to be none.
inline constexpr std::string_view kNonsense = "????????????????????????";
static_assert(kNonsense.size() == sizeof(Header));

/// Whether requests of this sort are followed by their bytes, and replies by theirs.
[[nodiscard]] constexpr bool requestHasBytes(Op op) { return op == Op::kEcho || op == Op::kSink; }
[[nodiscard]] constexpr bool replyHasBytes(Op op) {
  return op == Op::kEcho || op == Op::kGet || op == Op::kFile || op == Op::kLater ||
         op == Op::kBroadcast;
}

/// Of a header: largest offset, and largest length.
inline constexpr std::uint32_t kPatternPeriod = std::uint32_t{1} << 20U;
/// A request that is to come back must fit into the server's memory as a whole.
inline constexpr std::uint32_t kMostEcho = 48 * 1024;

[[nodiscard]] std::string_view patternAt(std::uint32_t offset, std::size_t length);
/// A file with all of the pattern.
[[nodiscard]] const std::shared_ptr<const UniqueFd>& patternFile();

[[nodiscard]] std::string_view asBytes(const Header& header);
/// `bytes` begins with one.
[[nodiscard]] Header headerOf(std::string_view bytes);
/// Header and bytes.
[[nodiscard]] std::string frameOf(const Header& header);

}  // namespace tern::soak
