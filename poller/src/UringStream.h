// UringStream: a connected socket on which the kernel itself receives and sends.
#pragma once

#include <memory>

#include "tern/base/UniqueFd.h"
#include "tern/poller/Stream.h"

namespace tern {

class UringPoller;

/// Throws std::system_error, and closes fd, when it can't be put into blocking mode, which io_uring
/// needs to wait on its behalf.
StreamPtr openUringStream(UringPoller& poller, UniqueFd fd, StreamHandler& handler);

}  // namespace tern
