// UringOptions: the settings of the io_uring backend.
#pragma once

#include <cstdint>

namespace tern {

/// The defaults suit thousands of connections a loop. The kernel rounds the counts up to powers of
/// two.
struct UringOptions {
  std::uint32_t submissionEntries = 256;
  std::uint32_t completionEntries = 4096;
  /// The pool of receive buffers that the loop's connections share: count (a power of two, at most
  /// 32768) times size in bytes. Pages that are never received into cost no memory.
  std::uint32_t bufferCount = 256;
  std::uint32_t bufferSize = 16 * 1024;
  /// A second pool, made when the first stream proves to be bulky (it fills buffer after buffer),
  /// of larger buffers for such streams: fewer completions for as many bytes. Count 0: none.
  std::uint32_t bulkBufferCount = 16;
  std::uint32_t bulkBufferSize = 256 * 1024;
  /// False: TCP by readiness, as on the other pollers; for comparisons.
  bool completion = true;
};

}  // namespace tern
