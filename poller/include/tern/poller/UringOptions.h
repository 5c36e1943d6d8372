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
  /// 32768) times size in bytes. The kernel gets 32 at first, and more as they run out; pages that
  /// are never received into cost no memory. The default holds 16 KiB with a header, or a TLS
  /// 1.3 record.
  std::uint32_t bufferCount = 256;
  std::uint32_t bufferSize = 17 * 1024;
  /// How many bytes at a time a stream receives that has proved to be bulky (it fills buffer after
  /// buffer): straight into its connection's memory, without the pool. At most 1 MiB, and 256 KiB
  /// while other streams receive, too (see BulkRoom); where either is less than bufferSize, such a
  /// stream changes to and fro between the two.
  std::uint32_t bulkReceiveSize = 1024 * 1024;
  /// False: TCP by readiness, as on the other pollers; for comparisons.
  bool completion = true;
};

}  // namespace tern
