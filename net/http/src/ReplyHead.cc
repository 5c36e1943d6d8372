// ReplyHead: the parts that repeat are kept, so that a small reply is a few copies.
#include "ReplyHead.h"

#include <array>
#include <charconv>
#include <ctime>

#include "tern/http/Date.h"

namespace tern::http {
namespace {

template <class Number>
void appendNumber(std::string& out, Number number, int base = 10) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

// One for each thread, and so for each loop.
void appendDate(std::string& out) {
  struct Cached {
    std::time_t second = -1;
    std::string line;
  };
  static thread_local Cached cached;
  const std::time_t now = std::time(nullptr);
  if (now != cached.second) {
    cached.line = "\r\nDate: " + formatDate(now) + "\r\n";
    cached.second = now;
  }
  out.append(cached.line);
}

}  // namespace

void appendHead(std::string& out, const Response& response, Framing framing,
                ConnectionField connection) {
  if (response.status() == 200) {
    out.append("HTTP/1.1 200 OK");
  } else {
    out.append("HTTP/1.1 ");
    appendNumber(out, response.status());
    out.append(" ").append(reasonPhrase(response.status()));
  }
  appendDate(out);
  out.append(response.fields());
  if (framing.kind == Framing::Kind::kLength) {
    out.append("Content-Length: ");
    appendNumber(out, framing.length);
    out.append("\r\n");
  } else if (framing.kind == Framing::Kind::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (connection == ConnectionField::kClose) {
    out.append("Connection: close\r\n");
  } else if (connection == ConnectionField::kKeepAlive) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

void appendChunkSize(std::string& out, std::size_t bytes) {
  appendNumber(out, bytes, 16);
  out.append("\r\n");
}

}  // namespace tern::http
