// SendmmsgSeam: the program's own sendmmsg(), which goes before the C library's.
#include "support/SendmmsgSeam.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace {

constinit std::atomic<const tern::testing::SendmmsgSeam::Answer*> answering = nullptr;

}  // namespace

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (const auto* answer = answering.load()) {
    const int seen = (*answer)(count);
    if (seen < 0) {
      errno = -seen;
      return -1;
    }
    count = static_cast<unsigned>(seen);
  }
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
}

namespace tern::testing {

SendmmsgSeam::SendmmsgSeam(Answer answer) : answer_(std::move(answer)) { answering = &answer_; }

SendmmsgSeam::~SendmmsgSeam() { answering = nullptr; }

}  // namespace tern::testing
