// BlackHole: a backlog of nothing, and clients that take it up.
#include "BlackHole.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tern::testing {

BlackHole::BlackHole() {
  listener_.listen(0);
  for (int i = 0; i < 4; ++i) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(fd.get(), address().sockAddr(), address().sockAddrLength()) != 0 &&
        errno != EINPROGRESS) {
      throw std::system_error(errno, std::system_category(), "connect");
    }
    others_.push_back(std::move(fd));
  }
}

PeerListener& BlackHole::open() {
  others_.clear();
  listener_.listen(16);
  while (listener_.hasClient()) listener_.accept();
  return listener_;
}

}  // namespace tern::testing
