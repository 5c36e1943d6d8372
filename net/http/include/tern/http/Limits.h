// Limits: how much of a server's memory and time one HTTP client gets.
#pragma once

#include <chrono>
#include <cstddef>

#include "tern/base/Clock.h"

namespace tern::http {

/// Of one connection. What is above a limit gets the status named here, and the connection closes.
struct Limits {
  /// Request line and header fields with their line ends: 431. Also what the lines around the
  /// chunks of a body, and the trailer fields, may take beyond 16 bytes a chunk.
  std::size_t headBytes = std::size_t{32} * 1024;
  /// The request line alone: 414.
  std::size_t requestLineBytes = std::size_t{8} * 1024;
  /// Header fields: 431.
  std::size_t headerFields = 100;
  /// A body, which is held in memory until it is complete: 413.
  std::size_t bodyBytes = std::size_t{1024} * 1024;

  /// Requests that wait for their reply. With so many the connection is not read from.
  std::size_t pipelined = 64;
  /// With more than highMark bytes waiting to be sent the connection is not read from, and no
  /// request handled, until all but lowMark have left.
  std::size_t highMark = std::size_t{1024} * 1024;
  std::size_t lowMark = std::size_t{256} * 1024;
  /// A connection with more than this waiting to be sent, or held back for an earlier reply, is
  /// closed at once.
  std::size_t outputBytes = std::size_t{256} * 1024 * 1024;

  /// For a whole head, from its first byte; for the first one of a connection from when it came up:
  /// 408, or just a close when no byte came.
  Duration headTimeout = std::chrono::seconds(10);
  /// For a whole body, from the end of its head: 408.
  Duration bodyTimeout = std::chrono::seconds(60);
  /// Between the last reply and the next request: the connection is closed. Also how long a client
  /// may take no byte of its replies; it is cut off between once and twice as long after.
  Duration idleTimeout = std::chrono::seconds(60);
  /// A connection that the server closes first is drained for so long, or so many bytes, so that
  /// the client gets the last reply rather than a reset.
  Duration lingerTimeout = std::chrono::seconds(5);
  std::size_t lingerBytes = std::size_t{4} * 1024 * 1024;
};

}  // namespace tern::http
