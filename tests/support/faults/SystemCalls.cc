// SystemCalls: the program's own versions of the C library's calls, which go before those.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>

#include "support/faults/Faults.h"

namespace {

using tern::testing::Answer;
using tern::testing::answerTo;
using tern::testing::Call;

// The next definition behind this program's: the C library's.
template <class Function>
Function* next(const char* name) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what dlsym() is for
  auto* const found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  if (found == nullptr) std::abort();
  return found;
}

// Asks, and then calls with what the answer leaves of the length.
template <class Made>
auto through(Call call, int fd, std::size_t length, Made&& made) -> decltype(made(length)) {
  const Answer answer = answerTo(call, fd, length);
  if (answer.error != 0) {
    if (answer.afterwards) static_cast<void>(made(length));
    errno = answer.error;
    return -1;
  }
  return made(std::min(length, answer.atMost));
}

}  // namespace

// Where a sanitizer has a version of its own, which looks at the memory that the call is given,
// that one goes before the C library's.
#define TERN_SEAM_NEXT(name)                                                                    \
  extern "C" decltype(name) __interceptor_##name __attribute__((weak));                         \
  namespace {                                                                                   \
  decltype(name)* next_##name() {                                                               \
    static decltype(name)* const found =                                                        \
        &__interceptor_##name != nullptr ? &__interceptor_##name : next<decltype(name)>(#name); \
    return found;                                                                               \
  }                                                                                             \
  }

// NOLINTBEGIN(bugprone-reserved-identifier,cppcoreguidelines-macro-usage,readability-identifier-naming)
TERN_SEAM_NEXT(accept4)
TERN_SEAM_NEXT(bind)
TERN_SEAM_NEXT(connect)
TERN_SEAM_NEXT(epoll_create1)
TERN_SEAM_NEXT(epoll_ctl)
TERN_SEAM_NEXT(epoll_wait)
TERN_SEAM_NEXT(eventfd)
TERN_SEAM_NEXT(fcntl)
TERN_SEAM_NEXT(getpeername)
TERN_SEAM_NEXT(getsockname)
TERN_SEAM_NEXT(getsockopt)
TERN_SEAM_NEXT(listen)
TERN_SEAM_NEXT(mmap)
TERN_SEAM_NEXT(ppoll)
TERN_SEAM_NEXT(pread)
TERN_SEAM_NEXT(read)
TERN_SEAM_NEXT(recv)
TERN_SEAM_NEXT(recvmmsg)
TERN_SEAM_NEXT(send)
TERN_SEAM_NEXT(sendfile)
TERN_SEAM_NEXT(sendmmsg)
TERN_SEAM_NEXT(sendmsg)
TERN_SEAM_NEXT(setsockopt)
TERN_SEAM_NEXT(shutdown)
TERN_SEAM_NEXT(signalfd)
TERN_SEAM_NEXT(socket)
TERN_SEAM_NEXT(timerfd_create)
TERN_SEAM_NEXT(timerfd_settime)
TERN_SEAM_NEXT(write)
// NOLINTEND(bugprone-reserved-identifier,cppcoreguidelines-macro-usage,readability-identifier-naming)

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved
extern "C" {

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return through(Call::kAccept, fd, 0,
                 [&](std::size_t) { return next_accept4()(fd, address, length, flags); });
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  return through(Call::kBind, fd, 0, [&](std::size_t) { return next_bind()(fd, address, length); });
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  return through(Call::kConnect, fd, 0,
                 [&](std::size_t) { return next_connect()(fd, address, length); });
}

int epoll_create1(int flags) noexcept {
  return through(Call::kEpollCreate, -1, 0,
                 [&](std::size_t) { return next_epoll_create1()(flags); });
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  // Taking back can't fail, nor be made to.
  if (operation == EPOLL_CTL_DEL) return next_epoll_ctl()(epoll, operation, fd, event);
  return through(Call::kEpollCtl, fd, 0,
                 [&](std::size_t) { return next_epoll_ctl()(epoll, operation, fd, event); });
}

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return through(Call::kEpollWait, epoll, static_cast<std::size_t>(most), [&](std::size_t seen) {
    return next_epoll_wait()(epoll, events, static_cast<int>(seen), timeout);
  });
}

int eventfd(unsigned count, int flags) noexcept {
  return through(Call::kEventfd, -1, 0, [&](std::size_t) { return next_eventfd()(count, flags); });
}

// The argument is a number or a pointer: both are handed on as they are.
int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return through(Call::kFcntl, fd, 0,
                 [&](std::size_t) { return next_fcntl()(fd, command, argument); });
}

int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  return through(Call::kGetpeername, fd, 0,
                 [&](std::size_t) { return next_getpeername()(fd, address, length); });
}

int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  return through(Call::kGetsockname, fd, 0,
                 [&](std::size_t) { return next_getsockname()(fd, address, length); });
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* length) noexcept {
  return through(Call::kGetsockopt, fd, 0,
                 [&](std::size_t) { return next_getsockopt()(fd, level, option, value, length); });
}

int listen(int fd, int backlog) noexcept {
  return through(Call::kListen, fd, 0, [&](std::size_t) { return next_listen()(fd, backlog); });
}

void* mmap(void* address, std::size_t length, int protection, int flags, int fd,
           off_t offset) noexcept {
  const Answer answer = answerTo(Call::kMmap, fd, length);
  if (answer.error == 0) return next_mmap()(address, length, protection, flags, fd, offset);
  errno = answer.error;
  return MAP_FAILED;  // NOLINT(cppcoreguidelines-pro-type-cstyle-cast,performance-no-int-to-ptr)
}

int ppoll(pollfd* polled, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return through(Call::kPpoll, -1, 0,
                 [&](std::size_t) { return next_ppoll()(polled, count, timeout, mask); });
}

ssize_t pread(int fd, void* bytes, std::size_t length, off_t offset) {
  return through(Call::kPread, fd, length,
                 [&](std::size_t seen) { return next_pread()(fd, bytes, seen, offset); });
}

ssize_t read(int fd, void* bytes, std::size_t length) {
  return through(Call::kRead, fd, length,
                 [&](std::size_t seen) { return next_read()(fd, bytes, seen); });
}

ssize_t recv(int fd, void* bytes, std::size_t length, int flags) {
  return through(Call::kRecv, fd, length,
                 [&](std::size_t seen) { return next_recv()(fd, bytes, seen, flags); });
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  return through(Call::kRecvmmsg, fd, count, [&](std::size_t seen) {
    return next_recvmmsg()(fd, messages, static_cast<unsigned>(seen), flags, timeout);
  });
}

ssize_t send(int fd, const void* bytes, std::size_t length, int flags) {
  return through(Call::kSend, fd, length,
                 [&](std::size_t seen) { return next_send()(fd, bytes, seen, flags); });
}

ssize_t sendfile(int socket, int file, off_t* offset, std::size_t length) noexcept {
  return through(Call::kSendfile, socket, length,
                 [&](std::size_t seen) { return next_sendfile()(socket, file, offset, seen); });
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return through(Call::kSendmmsg, fd, count, [&](std::size_t seen) {
    return next_sendmmsg()(fd, messages, static_cast<unsigned>(seen), flags);
  });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) length += message->msg_iov[i].iov_len;
  return through(Call::kSendmsg, fd, length, [&](std::size_t seen) {
    if (seen == length) return next_sendmsg()(fd, message, flags);
    // No more than a part of the first piece.
    iovec first = message->msg_iov[0];
    first.iov_len = std::min(first.iov_len, seen);
    msghdr shorter = *message;
    shorter.msg_iov = &first;
    shorter.msg_iovlen = 1;
    return next_sendmsg()(fd, &shorter, flags);
  });
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t length) noexcept {
  return through(Call::kSetsockopt, fd, 0,
                 [&](std::size_t) { return next_setsockopt()(fd, level, option, value, length); });
}

int shutdown(int fd, int how) noexcept {
  return through(Call::kShutdown, fd, 0, [&](std::size_t) { return next_shutdown()(fd, how); });
}

int signalfd(int fd, const sigset_t* mask, int flags) noexcept {
  return through(Call::kSignalfd, fd, 0,
                 [&](std::size_t) { return next_signalfd()(fd, mask, flags); });
}

int socket(int family, int type, int protocol) noexcept {
  return through(Call::kSocket, -1, 0,
                 [&](std::size_t) { return next_socket()(family, type, protocol); });
}

int timerfd_create(clockid_t clock, int flags) noexcept {
  return through(Call::kTimerfdCreate, -1, 0,
                 [&](std::size_t) { return next_timerfd_create()(clock, flags); });
}

int timerfd_settime(int fd, int flags, const itimerspec* spec, itimerspec* before) noexcept {
  return through(Call::kTimerfdSettime, fd, 0,
                 [&](std::size_t) { return next_timerfd_settime()(fd, flags, spec, before); });
}

ssize_t write(int fd, const void* bytes, std::size_t length) {
  return through(Call::kWrite, fd, length,
                 [&](std::size_t seen) { return next_write()(fd, bytes, seen); });
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
