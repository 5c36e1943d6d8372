// HeadRules: what the standard asks of a request line and of the fields that frame a message.
#pragma once

#include <string_view>

namespace tern::http {

class Request;

/// A request line, taken apart.
struct RequestLine {
  std::string_view method;
  std::string_view target;
  int minorVersion = 1;
};

/// Takes apart a line without its CRLF. Returns 0, or the status of the error reply.
[[nodiscard]] int parseRequestLine(std::string_view line, RequestLine& result) noexcept;

/// Host, Content-Length, Transfer-Encoding and Expect of a complete head. Returns 0, or the status
/// of the error reply.
[[nodiscard]] int checkFields(const Request& request) noexcept;

/// The client waits for 100 before it sends the body.
[[nodiscard]] bool expectsContinue(const Request& request) noexcept;

}  // namespace tern::http
