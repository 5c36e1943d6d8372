// SocketError: the error that is pending on a socket.
#pragma once

#include <sys/socket.h>

#include <cerrno>

namespace tern {

/// Takes it, as an errno: the socket has none afterwards. 0 when there is none. Any thread.
inline int takeSocketError(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  return error;
}

}  // namespace tern
