// Descriptors: pipes, socket pairs and eventfds, for tests of channels.
#pragma once

#include <tern/base/UniqueFd.h>

#include <set>
#include <string>
#include <string_view>

namespace tern::testing {

/// Both ends non-blocking and close-on-exec.
struct Pipe {
  Pipe();
  UniqueFd reader;
  UniqueFd writer;
};

/// Two connected stream sockets, non-blocking and close-on-exec.
struct SocketPair {
  SocketPair();
  UniqueFd one;
  UniqueFd other;
};

/// The same over TCP, with small buffers.
struct TcpPair {
  TcpPair();
  UniqueFd one;
  UniqueFd other;
};

/// Non-blocking; readable while its count is not zero.
UniqueFd makeEventFd(unsigned count = 0);

/// The process's open descriptors.
std::set<int> openDescriptors();
/// What one refers to, as the kernel names it: "anon_inode:[eventfd]", "socket:[4711]".
std::string targetOf(int fd);

/// Writes all of it, which must fit.
void writeTo(const UniqueFd& fd, std::string_view bytes);
/// All that can be read now; empty at end of file, too.
std::string readFrom(const UniqueFd& fd);
/// Writes until the kernel takes no more.
void fillUp(const UniqueFd& fd);

}  // namespace tern::testing
