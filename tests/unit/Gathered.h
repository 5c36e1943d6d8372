// Gathered: what an OutputQueue would hand to a gathering write, for comparing.
#pragma once

#include <sys/uio.h>
#include <tern/base/OutputQueue.h>

#include <string>
#include <string_view>
#include <vector>

namespace tern::testing {

/// All entries, in order.
inline std::vector<std::string_view> entriesOf(const OutputQueue& queue) {
  std::vector<iovec> raw(8);
  while (queue.gather(raw) == raw.size()) raw.resize(raw.size() * 2);
  raw.resize(queue.gather(raw));
  std::vector<std::string_view> entries;
  entries.reserve(raw.size());
  for (const iovec& entry : raw) {
    entries.emplace_back(static_cast<const char*>(entry.iov_base), entry.iov_len);
  }
  return entries;
}

inline std::string bytesOf(const OutputQueue& queue) {
  std::string bytes;
  for (const std::string_view entry : entriesOf(queue)) bytes += entry;
  return bytes;
}

}  // namespace tern::testing
