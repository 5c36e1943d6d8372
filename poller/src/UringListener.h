// UringListener: a listening socket on which the kernel itself accepts.
#pragma once

#include <memory>

#include "tern/base/UniqueFd.h"
#include "tern/poller/Listener.h"

namespace tern {

class UringPoller;

/// Throws std::system_error, and closes fd, when it can't be put into blocking mode.
std::unique_ptr<Listener> openUringListener(UringPoller& poller, UniqueFd fd,
                                            ListenerHandler& handler);

}  // namespace tern
