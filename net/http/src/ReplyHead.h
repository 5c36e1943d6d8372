// ReplyHead: writes the status line and the fields of a reply.
#pragma once

#include <cstdint>
#include <string>

#include "tern/http/Response.h"

namespace tern::http {

/// How the client finds the end of the body.
struct Framing {
  enum class Kind : unsigned char { kNoBody, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNoBody;
  std::uint64_t length = 0;
};

/// What the Connection field says: nothing, where it is the version's default.
enum class ConnectionField : unsigned char { kNone, kClose, kKeepAlive };

/// Appends all up to the body. The Date is that of this second.
void appendHead(std::string& out, const Response& response, Framing framing,
                ConnectionField connection);

/// Appends the line before a chunk of that many bytes.
void appendChunkSize(std::string& out, std::size_t bytes);

}  // namespace tern::http
