// Memory: VmRSS of /proc/<pid>/status.
#include "Memory.h"

#include <fstream>
#include <stdexcept>
#include <string>

namespace tern::testing {

std::size_t residentBytes(const Process& process) {
  std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
  }
  throw std::runtime_error("a program without memory");
}

}  // namespace tern::testing
