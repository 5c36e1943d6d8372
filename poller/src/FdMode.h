// FdMode: switching a descriptor between blocking and non-blocking mode.
#pragma once

namespace tern {

/// Throws std::system_error when fcntl() refuses. No system call is made beyond the query when the
/// mode is right already.
void setNonBlocking(int fd, bool nonBlocking);

}  // namespace tern
