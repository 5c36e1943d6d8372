// SocketFile: the file of a Unix-domain socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "tern/net/SocketAddress.h"

namespace tern {

/// The file that a Unix-domain socket is bound to: removed at the end, unless someone has put
/// another in its place.
class SocketFile {
 public:
  /// Of a socket that is bound; for one without a file, nothing.
  explicit SocketFile(const SocketAddress& address);
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile();

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tern
