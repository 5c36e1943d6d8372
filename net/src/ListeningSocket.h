// ListeningSocket: making a stream socket that listens, with errors that say what to do.
#pragma once

#include <string>

#include "tern/base/UniqueFd.h"
#include "tern/net/SocketAddress.h"

namespace tern {

/// A stream socket bound to the address: close-on-exec; for IP with SO_REUSEADDR, and TCP_NODELAY
/// for the connections that it will accept; on ::, IPv4 clients, too. With reusePort, several
/// sockets may be bound to the same IP address. The file of a Unix-domain socket on which nobody
/// listens any more is replaced. Throws std::system_error naming the address.
UniqueFd bindListeningSocket(const SocketAddress& address, bool reusePort);

/// What to do when bind() fails so: ": another socket has this address; ...", or nothing.
std::string bindAdvice(int errnum, const SocketAddress& address);

/// Starts listening, with the kernel's largest backlog. Throws std::system_error.
void listenOn(int fd);

}  // namespace tern
