// ServerProcess against what a process knows about itself.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <thread>

#include "ServerProcess.h"

namespace tern::load {
namespace {

Duration ownCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Duration{time.tv_nsec};
}

void burn(Duration cpuTime) {
  for (const Duration end = ownCpuTime() + cpuTime; ownCpuTime() < end;) {
  }
}

TEST(ServerProcess, CpuTimeIsThatOfTheProcessToTheNanosecondWhileItRuns) {
  const ServerProcess self(::getpid());
  const Duration before = ownCpuTime();
  const Duration seen = self.cpuTime().value();
  const Duration after = ownCpuTime();
  EXPECT_LE(before, seen);
  EXPECT_LE(seen, after);
}

TEST(ServerProcess, CpuTimeIncludesThreadsThatHaveEnded) {
  const ServerProcess self(::getpid());
  const Duration before = self.cpuTime().value();
  std::thread([] { burn(std::chrono::milliseconds(20)); }).join();
  EXPECT_GE(self.cpuTime().value() - before, std::chrono::milliseconds(20));
}

TEST(ServerProcess, ResidentBytesGrowByWhatIsTouched) {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  const ServerProcess self(::getpid());
  const std::uint64_t before = self.residentBytes().value();
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes);
  EXPECT_GE(self.residentBytes().value(), before + kBytes);
  ::munmap(memory, kBytes);
}

TEST(ServerProcess, HasNoReadingsOnceTheProcessHasGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const ServerProcess gone(child);
  EXPECT_FALSE(gone.exists());
  EXPECT_FALSE(gone.cpuTime());
  EXPECT_FALSE(gone.residentBytes());
}

}  // namespace
}  // namespace tern::load
