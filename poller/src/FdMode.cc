// FdMode: fcntl with O_NONBLOCK.
#include "FdMode.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "tern/base/Error.h"

namespace tern {

void setNonBlocking(int fd, bool nonBlocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  const int wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags < 0 || (wanted != flags && ::fcntl(fd, F_SETFL, wanted) < 0)) {
    throwSystemError(errno, "setting the blocking mode of fd " + std::to_string(fd));
  }
}

}  // namespace tern
