// InetAddress: muduo's name for an address.
#pragma once

#include "tern/net/SocketAddress.h"

namespace tern {

using InetAddress = SocketAddress;

}  // namespace tern
