// How many pieces the answers came in, as the kernel counts them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "Connection.h"

namespace tern::load {

// Segments with data that have arrived on all of them, since they were opened. Over loopback, where
// a segment holds 64 KiB, each send of the server's up to that size makes one. Nothing when one is
// closed, which takes its count with it, or when the kernel does not tell (before Linux 4.6).
std::optional<std::uint64_t> segmentsReceived(std::span<const Connection> connections);

}  // namespace tern::load
