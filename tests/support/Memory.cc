// Memory: VmRSS of /proc/<pid>/status.
#include "Memory.h"

#include <malloc.h>

#include <fstream>
#include <stdexcept>
#include <string>

namespace tern::testing {
namespace {

std::size_t residentBytesOf(const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
  }
  throw std::runtime_error("a program without memory");
}

}  // namespace

std::size_t residentBytes(const Process& process) {
  return residentBytesOf(std::to_string(process.pid()));
}

std::size_t residentBytes() { return residentBytesOf("self"); }

std::size_t residentBytesInUse() {
  ::malloc_trim(0);
  return residentBytes();
}

}  // namespace tern::testing
