// What the server process costs, seen from outside: CPU time and resident memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "Clock.h"

namespace tern::load {

// Each reading is a fresh one, and nothing when the process has gone or may not be looked at.
class ServerProcess {
 public:
  explicit ServerProcess(pid_t pid) : pid_(pid) {}

  bool exists() const;

  // User and system time since its start, of all threads, ended ones included.
  std::optional<Duration> cpuTime() const;

  // Memory that is resident now, pages shared with others included.
  std::optional<std::uint64_t> residentBytes() const;

 private:
  pid_t pid_;
};

}  // namespace tern::load
