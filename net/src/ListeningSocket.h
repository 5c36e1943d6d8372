// ListeningSocket: making a TCP socket that listens, with errors that say what to do.
#pragma once

#include "tern/base/UniqueFd.h"
#include "tern/net/InetAddress.h"

namespace tern {

/// A TCP socket bound to the address: close-on-exec, SO_REUSEADDR, TCP_NODELAY for the connections
/// that it will accept; with reusePort, several sockets may be bound to the same address. Throws
/// std::system_error naming the address.
UniqueFd bindListeningSocket(const InetAddress& address, bool reusePort);

/// Starts listening, with the kernel's largest backlog. Throws std::system_error.
void listenOn(int fd);

}  // namespace tern
