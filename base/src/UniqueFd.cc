// UniqueFd: closing without disturbing errno.
#include "tern/base/UniqueFd.h"

#include <unistd.h>

#include <cerrno>

namespace tern {

void UniqueFd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0 || old == fd) return;
  // Linux frees the descriptor even when close() reports EINTR: trying again could close a
  // stranger's.
  const int saved = errno;
  ::close(old);
  errno = saved;
}

}  // namespace tern
