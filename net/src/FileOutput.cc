// FileOutput: reading a file, for streams that can't send from it by themselves.
#include "FileOutput.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tern/base/Error.h"

namespace tern {

std::string FilePart::read(std::size_t most) {
  std::string block(static_cast<std::size_t>(std::min<std::uint64_t>(left, most)), '\0');
  ssize_t n = 0;
  do {
    n = ::pread(fd(), block.data(), block.size(), static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  if (n < 0) throwSystemError(errno, "a file that is being sent can't be read");
  if (n == 0) {
    throwSystemError(
        EIO, "a file that is being sent ended " + std::to_string(left) + " bytes too early");
  }
  block.resize(static_cast<std::size_t>(n));
  advance(block.size());
  return block;
}

}  // namespace tern
