// SocketFile: which file it is, and whether it still is that one.
#include "SocketFile.h"

#include <sys/stat.h>
#include <unistd.h>

namespace tern {

SocketFile::SocketFile(const SocketAddress& address) : path_(address.path()) {
  struct stat file{};
  if (path_.empty() || ::stat(path_.c_str(), &file) != 0) {
    path_.clear();
    return;
  }
  device_ = file.st_dev;
  inode_ = file.st_ino;
}

SocketFile::~SocketFile() {
  if (path_.empty()) return;
  struct stat file{};
  const bool ours =
      ::stat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

}  // namespace tern
