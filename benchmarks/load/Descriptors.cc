// Arithmetic on RLIMIT_NOFILE.
#include "Descriptors.h"

#include <sys/resource.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tern::load {
namespace {

// For files that are open only for a moment: those of /proc, and the result's.
constexpr rlim_t kSpare = 4;

}  // namespace

void reserveDescriptors(std::uint32_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::system_error(errno, std::generic_category(), "getrlimit");
  }
  const auto open = std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                  std::filesystem::directory_iterator());
  const rlim_t needed = connections + static_cast<rlim_t>(open) + kSpare;
  if (needed <= limit.rlim_cur) return;
  if (needed > limit.rlim_max) {
    throw std::runtime_error(std::to_string(connections) + " connections need " +
                             std::to_string(needed) + " descriptors, but the hard limit is " +
                             std::to_string(limit.rlim_max) + " (see ulimit -Hn)");
  }
  // As far as allowed, not just as needed: a descriptor table that the kernel grows under load
  // would show in the tail.
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::system_error(errno, std::generic_category(), "setrlimit");
  }
}

}  // namespace tern::load
