// LookUps: found by watching with strace what was denied.
#include "LookUps.h"

#include <cstddef>
#include <cstdio>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

namespace tern::examples {
namespace {

// glibc's malloc reads /proc/sys/vm/overcommit_memory when the heap of a thread first shrinks. The
// heap of this thread passes to the next one that is started.
void shrinkAHeap() {
  constexpr std::size_t kBlocks = 64;
  constexpr std::size_t kBlockSize = std::size_t{64} * 1024;
  std::thread([] {
    std::vector<std::unique_ptr<char[]>> blocks(kBlocks);
    for (auto& block : blocks) block = std::make_unique<char[]>(kBlockSize);
  }).join();
}

}  // namespace

void lookUpAhead() {
  shrinkAHeap();
  // The log's times are local: /etc/localtime.
  ::tzset();
  // The first line would ask whether stdout is a terminal, to choose a buffer.
  std::setvbuf(stdout, nullptr, _IONBF, 0);
}

}  // namespace tern::examples
