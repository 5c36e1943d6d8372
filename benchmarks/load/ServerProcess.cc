// Readings of another process through its CPU-time clock and /proc.
#include "ServerProcess.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace tern::load {
namespace {

std::string procPath(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Ticks of 10 ms: only for a kernel that refuses the clock.
std::optional<Duration> cpuTimeFromStat(pid_t pid) {
  std::ifstream file(procPath(pid, "stat"));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name may hold anything, spaces and parentheses too; the fields after its last parenthesis
  // start with the third.
  const std::size_t name = line.rfind(')');
  if (name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (!(fields >> user >> system)) return std::nullopt;
  return Duration{(user + system) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK))};
}

}  // namespace

bool ServerProcess::exists() const { return ::kill(pid_, 0) == 0 || errno == EPERM; }

std::optional<Duration> ServerProcess::cpuTime() const {
  // The process's CPU clock has nanoseconds and is current even while its threads run; the figures
  // in /proc/PID/stat and schedstat lag by up to a tick.
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid_, &clock) == 0 && ::clock_gettime(clock, &time) == 0) {
    return std::chrono::seconds(time.tv_sec) + Duration{time.tv_nsec};
  }
  return cpuTimeFromStat(pid_);
}

std::optional<std::uint64_t> ServerProcess::residentBytes() const {
  // smaps_rollup walks the page tables; the counters of statm may be off by some hundred kilobytes.
  std::ifstream rollup(procPath(pid_, "smaps_rollup"));
  for (std::string line; std::getline(rollup, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint64_t kibibytes = 0;
    if (fields >> name >> kibibytes && name == "Rss:") return kibibytes * 1024;
  }
  std::ifstream statm(procPath(pid_, "statm"));
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(statm >> total >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace tern::load
