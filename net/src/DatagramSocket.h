// DatagramSocket: making a UDP socket, with errors that say what to do.
#pragma once

#include "tern/base/UniqueFd.h"
#include "tern/net/UdpSocket.h"

namespace tern {

/// Bound to the address, or connected to the peer; close-on-exec; dual stack if IPv6. Throws
/// std::system_error naming the address.
UniqueFd bindDatagramSocket(const SocketAddress& address, const UdpOptions& options);
UniqueFd connectDatagramSocket(const SocketAddress& peer, const UdpOptions& options);

}  // namespace tern
